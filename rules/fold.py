"""Folds text for comparison: one function for rules and for articles.

Case, accents, compatibility forms, soft hyphens, zero-width and no-break
characters and left-over HTML entities make no difference; offsets always
point into the text as it was given.
"""

from __future__ import annotations

import html
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import accumulate

_INVISIBLE = frozenset("\u00ad\u200c\u200d\u2060\ufeff")
_SIGNS = frozenset("™℠®©")
_LETTERS = str.maketrans(
    {"ı": "i", "đ": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ħ": "h"}
)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TOKEN = re.compile(r"(\d+|[^ \d]+)")
_WESTERN = "cp1252"
_NO_DIGITS = str.maketrans(string.digits, " " * 10)
_NO_LETTERS = str.maketrans(string.ascii_lowercase, " " * 26)
# Each run of letters is tried from its beginning alone, and without giving back: a hostile text
# of a million dots must not be read a million times.
_HOST_AND_SLASH = re.compile(r"\.[\w-]++/")
_ADDRESS = re.compile(
    r"""(?:https?://|www\.)[^\s<>"'”’»]+
      | (?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++
      | (?<![\w.-])[\w-]++(?:\.[\w-]++)++/[^\s<>"'”’»]*""",
    re.VERBOSE,
)


class Folded:
    """The words of a text, folded, with the offsets of each in the text as it was given.

    *letters* are the folded words with blanks between them, and *places* say
    where each of these letters stood; None, where each kept its place. Most
    texts are only asked which words they hold: the rest is read off when
    somebody wants it.
    """

    def __init__(self, letters: str, places: Sequence[tuple[int, int]] | None = None) -> None:
        self._letters = letters
        self._places = places

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Return the different words."""
        if not self._letters.isascii():
            return frozenset(self.words)
        apart = (self._letters.translate(_NO_DIGITS), self._letters.translate(_NO_LETTERS))
        return frozenset(apart[0].split()).union(apart[1].split())

    @cached_property
    def _pieces(self) -> list[str]:
        """Return the words at odd places, and what stands between them at even ones."""
        return _TOKEN.split(self._letters)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Return the words in their order."""
        return tuple(self._pieces[1::2])

    @cached_property
    def _bounds(self) -> list[int]:
        return list(accumulate(map(len, self._pieces)))

    @cached_property
    def starts(self) -> Sequence[int]:
        """Return where each word begins."""
        starts = self._bounds[:-1:2]
        return starts if self._places is None else [self._places[start][0] for start in starts]

    @cached_property
    def ends(self) -> Sequence[int]:
        """Return where each word ends."""
        ends = self._bounds[1::2]
        return ends if self._places is None else [self._places[end - 1][1] for end in ends]


def fold(text: str, *, addresses: bool = False) -> Folded:
    """Return the folded words of *text*.

    A word is a run of letters or a run of digits. Web and e-mail addresses are
    no words of a text, unless *addresses* says that they count.

    >>> fold("La EXTORSIO\u0301N, Ley N.º32108").words
    ('la', 'extorsion', 'ley', 'n', 'o', '32108')
    """
    if not addresses:
        text = _without_addresses(text)
    folded = None if _has_entity(text) else _FOLDS.whole(text)
    return Folded(folded) if folded is not None else _exact(text)


def folded_letters(word: str) -> str:
    """Return the letters of one *word*, folded."""
    return word.translate(_FOLDS)


@lru_cache(maxsize=65_536)
def folded_words(text: str) -> tuple[str, ...]:
    """Return the folded words of a part of a query; the same word stands in many queries."""
    return fold(text, addresses=True).words


@cache
def _folded(char: str) -> str:
    """Return what *char* is folded to: letters, " " for what separates, "" for what vanishes."""
    if char in _INVISIBLE:
        return ""
    if char in _SIGNS:
        return " "
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    letters = "".join(map(_letter, decomposed)).translate(_LETTERS)
    return " " if letters.isspace() else letters


def _letter(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Mn":
        return ""
    return char if category[0] in "LN" or category == "Mc" else " "


class _Table(dict[int, str]):
    """Changes texts character by character, all of a text at once; a table for str.translate too."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self._change = change
        self._odd: set[str] = set()
        western = [self._western(bytes([code])) for code in range(256)]
        self._bytes = b"".join(byte or b" " for byte in western)
        self._odd_bytes = bytes(code for code, byte in enumerate(western) if byte is None)

    def __missing__(self, code: int) -> str:
        changed = self._change(chr(code))
        if len(changed) != 1:
            self._odd.add(chr(code))
        self[code] = changed
        return changed

    def _western(self, byte: bytes) -> bytes | None:
        """Return what a byte of _WESTERN is changed to, or None if that is no such byte."""
        try:
            changed = self._change(byte.decode(_WESTERN)).encode(_WESTERN)
        except UnicodeError:
            return None
        return changed if len(changed) == 1 else None

    def whole(self, text: str) -> str | None:
        """Return *text* changed where every character keeps its place, else None.

        Bytes are changed a hundred times as fast as characters, and nearly all
        texts of the languages that we read can be written in one byte a letter.
        """
        try:
            data = text.encode(_WESTERN)
        except UnicodeEncodeError:
            changed = text.translate(self)
            return changed if self._odd.isdisjoint(text) else None
        if len(data.translate(None, self._odd_bytes)) < len(data):
            return None
        return data.translate(self._bytes).decode(_WESTERN)


def _exact(text: str) -> Folded:
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    for start, end, char in units(text):
        folded = _folded(char) if len(char) == 1 else "".join(map(_folded, char))
        if not folded and unicodedata.category(char[0]) == "Mn" and places and letters[-1] != " ":
            places[-1] = (places[-1][0], end)
        letters += folded
        places += [(start, end)] * len(folded)
    return Folded("".join(letters), places)


def units(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the characters of *text* with start and end; an HTML entity is its character."""
    at = 0
    for entity in _ENTITY.finditer(text):
        char = html.unescape(f"&{entity[1]};")
        if char.startswith("&"):
            continue
        yield from ((i, i + 1, text[i]) for i in range(at, entity.start()))
        yield entity.start(), entity.end(), char
        at = entity.end()
    yield from ((i, i + 1, text[i]) for i in range(at, len(text)))


def _has_entity(text: str) -> bool:
    return "&" in text and _ENTITY.search(text) is not None


def _without_addresses(text: str) -> str:
    """Return *text* with blanks where addresses stand, each character in its place."""
    slash = "/" in text and ("://" in text or _HOST_AND_SLASH.search(text) is not None)
    if not slash and "@" not in text and "www." not in text:
        return text
    return _ADDRESS.sub(lambda address: " " * len(address[0]), text)


@dataclass(frozen=True, slots=True)
class Plain:
    """A text without accents and invisible characters, for regexes; *offsets* lead back.

    They are None where every character kept its place.
    """

    text: str
    offsets: tuple[tuple[int, int], ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where [start, end) of the plain text stands in the text as it was given."""
        if self.offsets is None:
            return start, end
        return self.offsets[start][0], self.offsets[end - 1][1]


def plain(text: str) -> Plain:
    """Return *text* without accents and invisible characters; case and punctuation stay."""
    text = _without_addresses(text)
    bare = None if _has_entity(text) else _BARE.whole(text)
    return Plain(bare) if bare is not None else _plain_exactly(text)


def _plain_exactly(text: str) -> Plain:
    chars: list[str] = []
    offsets: list[tuple[int, int]] = []
    for start, end, char in units(text):
        if unicodedata.category(char[0]) == "Mn" and offsets:
            offsets[-1] = (offsets[-1][0], end)
            continue
        for bare in _bare(char):
            chars.append(bare)
            offsets.append((start, end))
    return Plain("".join(chars), tuple(offsets))


@cache
def _bare(char: str) -> str:
    if char in _INVISIBLE:
        return ""
    decomposed = unicodedata.normalize("NFKD", char)
    return "".join(
        " " if (c.isspace() and c not in "\r\n") or c == "\u200b" else c
        for c in decomposed
        if unicodedata.category(c) != "Mn"
    )


_FOLDS = _Table(_folded)
_BARE = _Table(_bare)
