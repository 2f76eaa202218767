"""Folds text for comparison: one function for rules and for articles.

Case, accents, compatibility forms, soft hyphens, zero-width and no-break
characters and left-over HTML entities make no difference; offsets always
point into the text as it was given.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

_INVISIBLE = frozenset("\u00ad\u200c\u200d\u2060\ufeff")
_SIGNS = frozenset("™℠®©")
_LETTERS = str.maketrans(
    {"ı": "i", "đ": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ħ": "h"}
)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TOKEN = re.compile(r"\d+|[^ \d]+")
# Each run of letters is tried from its beginning alone, and without giving back: a hostile text
# of a million dots must not be read a million times.
_ADDRESS = re.compile(
    r"""(?:https?://|www\.)[^\s<>"'”’»]+
      | (?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++
      | (?<![\w.-])[\w-]++(?:\.[\w-]++)++/[^\s<>"'”’»]*""",
    re.VERBOSE,
)


class Folded:
    """The words of a text, folded, with the offsets of each in the text as it was given.

    Most texts are only asked which words they hold: where every character kept
    its place, the offsets are read off when somebody wants them.
    """

    def __init__(
        self, words: Sequence[str], spans: Callable[[], Iterable[tuple[int, int]]]
    ) -> None:
        self.words = tuple(words)
        self._find_spans = spans

    @cached_property
    def _spans(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        spans = tuple(self._find_spans())
        return tuple(start for start, _ in spans), tuple(end for _, end in spans)

    @property
    def starts(self) -> tuple[int, ...]:
        """Return where each word begins."""
        return self._spans[0]

    @property
    def ends(self) -> tuple[int, ...]:
        """Return where each word ends."""
        return self._spans[1]


def fold(text: str, *, addresses: bool = False) -> Folded:
    """Return the folded words of *text*.

    A word is a run of letters or a run of digits. Web and e-mail addresses are
    no words of a text, unless *addresses* says that they count.

    >>> fold("La EXTORSIO\u0301N, Ley N.º32108").words
    ('la', 'extorsion', 'ley', 'n', 'o', '32108')
    """
    folded = _fast(text)
    within = None if addresses else _within_addresses(text)
    if folded is not None and within is None:
        return Folded(_TOKEN.findall(folded), lambda: map(_span, _TOKEN.finditer(folded)))
    tokens = _exact(text) if folded is None else _placed(folded)
    if within is not None:
        tokens = [token for token in tokens if not within(token[1])]
    return Folded([word for word, _, _ in tokens], lambda: [token[1:] for token in tokens])


def folded_letters(word: str) -> str:
    """Return the letters of one *word*, folded."""
    return word.translate(_TABLE)


def folded_words(text: str) -> tuple[str, ...]:
    """Return the folded words of a part of a query."""
    return fold(text, addresses=True).words


_Tokens = list[tuple[str, int, int]]


@cache
def _folded(char: str) -> str:
    """Return what *char* is folded to: letters, " " for what separates, "" for what vanishes."""
    if char in _INVISIBLE:
        return ""
    if char in _SIGNS:
        return " "
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", char).casefold())
    return "".join(map(_letter, decomposed)).translate(_LETTERS)


def _letter(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Mn":
        return ""
    return char if category[0] in "LN" or category == "Mc" else " "


class _Table(dict[int, str]):
    """Changes character by character for str.translate; *odd* are those that change the length."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__()
        self.odd: set[str] = set()
        self._change = change

    def __missing__(self, code: int) -> str:
        folded = self._change(chr(code))
        if len(folded) != 1:
            self.odd.add(chr(code))
        self[code] = folded
        return folded


_TABLE = _Table(_folded)


def _fast(text: str) -> str | None:
    """Return *text* folded where every character keeps its place, else None."""
    folded = text.translate(_TABLE)
    if not _TABLE.odd.isdisjoint(text) or ("&" in text and _ENTITY.search(text)):
        return None
    return folded


def _span(match: re.Match[str]) -> tuple[int, int]:
    return match.span()


def _placed(folded: str) -> _Tokens:
    return [(match.group(), *match.span()) for match in _TOKEN.finditer(folded)]


def _exact(text: str) -> _Tokens:
    words: _Tokens = []
    word: list[str] = []
    begun = ended = 0
    for start, end, char in units(text):
        folded = _folded(char) if len(char) == 1 else "".join(map(_folded, char))
        if not folded:
            if word and unicodedata.category(char[0]) == "Mn":
                ended = end
            continue
        for letter in folded:
            if word and (letter == " " or letter.isdecimal() != word[-1].isdecimal()):
                words.append(("".join(word), begun, ended))
                word.clear()
            if letter != " ":
                if not word:
                    begun = start
                word.append(letter)
                ended = end
    if word:
        words.append(("".join(word), begun, ended))
    return words


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


def _within_addresses(text: str) -> Callable[[int], bool] | None:
    """Return what tells whether an offset lies in an address, or None where there is no address."""
    if "/" not in text and "@" not in text and "www." not in text:
        return None
    spans = [match.span() for match in _ADDRESS.finditer(text)]
    if not spans:
        return None
    starts = [start for start, _ in spans]

    def within(offset: int) -> bool:
        before = bisect_right(starts, offset) - 1
        return before >= 0 and offset < spans[before][1]

    return within


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
    bare = text.translate(_BARE)
    if _BARE.odd.isdisjoint(text) and not ("&" in text and _ENTITY.search(text)):
        return Plain(_without_addresses(bare, text))
    return _plain_exactly(text)


def _without_addresses(bare: str, text: str) -> str:
    """Return *bare*, of the length of *text*, with blanks where addresses stand."""
    if _within_addresses(text) is None:
        return bare
    pieces: list[str] = []
    at = 0
    for address in _ADDRESS.finditer(text):
        start, end = address.span()
        pieces += (bare[at:start], " " * (end - start))
        at = end
    return "".join((*pieces, bare[at:]))


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
    if within := _within_addresses(text):
        chars = [
            " " if within(start) else char for char, (start, _) in zip(chars, offsets, strict=True)
        ]
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


_BARE = _Table(_bare)
