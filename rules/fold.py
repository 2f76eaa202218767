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
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import accumulate, islice

from rules.scan import Scan

_INVISIBLE = frozenset(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063"
    "\u2064\u2066\u2067\u2068\u2069\ufeff"
)
"""What no reader sees; the zero-width space too, which pages put into words as they do soft hyphens."""
_SIGNS = frozenset("™℠®©")
_LETTERS = str.maketrans(
    {"ı": "i", "đ": "d", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ħ": "h"}
)
_ENTITY = re.compile(r"&(?:amp;)*(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_TOKEN = re.compile(r"(\d+|[^ \d]+)")
_BLANKS = re.compile(" *")
_WORD_END = {False: re.compile(r"[^ \d]*"), True: re.compile(r"\d*")}
_BETWEEN = "   "
_BORDER = "\x00"
"""What stands between texts that are folded together, and what its middle is folded to."""
_WESTERN = "cp1252"
_LONG = 64
"""The letters of a word that are looked at around a place inside it."""
_MANY = 4
"""Where more steps from word to word were taken than a text of so many times their number has
letters, all its words are counted."""
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


class _Places:
    """Where the characters of a changed text stood in the text as it was given.

    The text is made of pieces: in one that was *kept* each character has its
    place, the others stand for one character or entity. *ends* are of letters
    that a combining mark follows.
    """

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._pieces: list[tuple[int, int, bool]] = []
        self._ends: dict[int, int] = {}

    def add(self, first: int, start: int, end: int, *, kept: bool) -> None:
        """Say that the characters from *first* on stood in [start, end)."""
        self._firsts.append(first)
        self._pieces.append((start, end, kept))

    def extend(self, last: int, end: int) -> None:
        """Say that the character *last* reached to *end*."""
        self._ends[last] = end

    def start(self, at: int) -> int:
        """Return where the character at *at* began."""
        piece = bisect_right(self._firsts, at) - 1
        start, _, kept = self._pieces[piece]
        return start + at - self._firsts[piece] if kept else start

    def letter(self, place: int, among: int) -> int:
        """Return the number of the first, *among* so many, that began at *place* or behind it."""
        piece = bisect_left(self._pieces, (place,))
        if piece:
            start, end, kept = self._pieces[piece - 1]
            if kept and place < end:
                return self._firsts[piece - 1] + place - start
        return self._firsts[piece] if piece < len(self._firsts) else among

    def end(self, at: int) -> int:
        """Return where the character at *at* ended."""
        if at in self._ends:
            return self._ends[at]
        piece = bisect_right(self._firsts, at) - 1
        start, end, kept = self._pieces[piece]
        return start + at - self._firsts[piece] + 1 if kept else end


class Folded:
    """The words of a text, folded, with the offsets of each in the text as it was given.

    *letters* are the folded words with blanks between them, and *places* lead
    back from them; None, where each kept its place. Most texts are only asked
    which words they hold: the rest is read off when somebody wants it.
    """

    def __init__(self, letters: str, places: _Places | None, before: int = 0) -> None:
        self.letters = letters
        self._places = places
        self._before = before
        self._walked = 0
        self._sought: Mapping[str, Sequence[int]] = {}

    def within(self, start: int, end: int) -> Folded:
        """Return the words whose letters stand in [start, end), which cuts no word."""
        return Folded(self.letters[start:end], self._places, self._before + start)

    def cut(self, at: int) -> None:
        """Put the sign between texts where the blank at *at* of the text stands."""
        if self._places is not None:
            at = self._places.letter(at, len(self.letters))
        self.letters = f"{self.letters[:at]}{_BORDER}{self.letters[at + 1 :]}"

    def places_of(self, words: Sequence[str], *, whole: bool = True) -> Iterator[tuple[int, int]]:
        """Yield the offsets, in the text as it was given, of *words* that follow one another.

        If not *whole*, the last is the beginning of a word, and goes on to its end.
        """
        found = self.letters_of(words, whole=whole)
        places = self._places
        if places is None:
            return found
        return ((places.start(start), places.end(end - 1)) for start, end in found)

    def letters_of(self, words: Sequence[str], *, whole: bool = True) -> Iterator[tuple[int, int]]:
        """Yield what places_of does, as offsets in the folded letters."""
        rarest = rarest_of(words)
        word, before, last = words[rarest], words[:rarest], len(words) - 1
        sought = self._sought.get(word)
        for at in _places(word, self.letters) if sought is None else sought:
            start = at if self._begins(at) else -1
            for other in reversed(before):
                start = self._start_before(start, other)
            end = self._after(at, word, whole=whole or rarest < last) if start >= 0 else -1
            for number in range(rarest + 1, len(words)):
                if end >= 0:
                    other_whole = whole or number < last
                    end = self._after(self._next(end), words[number], whole=other_whole)
            if end >= 0:
                yield start, end

    def _start_before(self, at: int, word: str) -> int:
        """Return where the word before the one at *at* begins, if it is *word*; else -1."""
        end = at
        while end > 0 and self.letters[end - 1] == " ":
            end -= 1
        start = end - len(word)
        if start < 0 or not self.letters.startswith(word, start) or not self._begins(start):
            return -1
        return start

    def seek(self, words: Sequence[str]) -> None:
        """Find each of *words* now, in one go: for many words of a long text, that is sooner."""
        places: list[list[int]] = [[] for _ in words]
        for number, start, _ in Scan(words).hits(self.letters):
            places[number].append(start)
        self._sought = dict(zip(words, places, strict=True))

    def _after(self, at: int, word: str, *, whole: bool) -> int:
        """Return where the word at *at* ends, if it is *word* or begins with it; else -1."""
        letters = self.letters
        if not letters.startswith(word, at):
            return -1
        end = at + len(word)
        if end < len(letters) and not apart(letters[end], word[-1]):
            return -1 if whole else _WORD_END[word[-1].isdecimal()].match(letters, end).end()  # type: ignore[union-attr]
        return end

    def _next(self, at: int) -> int:
        return _BLANKS.match(self.letters, at).end()  # type: ignore[union-attr]

    @cached_property
    def fields(self) -> tuple[Folded, ...]:
        """Return each text that was folded together with others for itself."""
        texts = self.letters.split(_BORDER)
        starts = accumulate((len(text) + 1 for text in texts), initial=self._before)
        return tuple(
            Folded(text, self._places, start) for text, start in zip(texts, starts, strict=False)
        )

    @cached_property
    def index(self) -> Mapping[str, Sequence[int]]:
        """Return the numbers of each word."""
        index: dict[str, list[int]] = {}
        for at, word in enumerate(self.words):
            index.setdefault(word, []).append(at)
        return index

    @cached_property
    def _pieces(self) -> list[str]:
        """Return the words at odd places, and what stands between them at even ones."""
        return _TOKEN.split(self.letters)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Return the words in their order."""
        return tuple(self._pieces[1::2])

    @cached_property
    def _bounds(self) -> list[int]:
        return list(accumulate(map(len, self._pieces), initial=self._before))[1:]

    def start(self, at: int) -> int:
        """Return where the word of number *at* begins."""
        start = self._bounds[2 * at]
        return start if self._places is None else self._places.start(start)

    def end(self, at: int) -> int:
        """Return where the word of number *at* ends."""
        end = self._bounds[2 * at + 1]
        return end if self._places is None else self._places.end(end - 1)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the letters of the whole words that [start, end) of the text touches."""
        letters = self.letters
        if self._places is not None:
            start = max(self._places.letter(start + 1, len(letters)) - 1, 0)
            end = self._places.letter(end, len(letters))
        elif letters[start - 1] == " " == letters[end : end + 1] != letters[start]:
            return start, end
        start = self._next(start)
        first = start
        while first and start - first < _LONG and not self._begins(first):
            first -= 1
        while end > start and self.letters[end - 1] == " ":
            end -= 1
        rest = _WORD_END[self.letters[end - 1].isdecimal()].match(self.letters, end, end + _LONG)
        return first, rest.end() if end > start and rest else end

    def _begins(self, at: int) -> bool:
        """Tell whether a word begins at *at* of the letters, if there is one."""
        return at in {0, len(self.letters)} or apart(self.letters[at - 1], self.letters[at])

    def after(self, end: int, count: int) -> int:
        """Return where the *count*-th word begins after the letters up to *end*, or the end of all.

        The words of a text that is asked much are counted once.
        """
        self._walked += count
        if self._walked * _MANY > len(self.letters):
            at = bisect_left(self._starts, end) + count - 1
            return self._starts[at] if at < len(self._starts) else len(self.letters)
        words = islice(_TOKEN.finditer(self.letters, end), count - 1, None)
        return next((word.start() for word in words), len(self.letters))

    @cached_property
    def _starts(self) -> list[int]:
        return [word.start() for word in _TOKEN.finditer(self.letters)]

    def count(self, start: int, end: int) -> int:
        """Return how many words there are from *start* to *end* of the letters."""
        return sum(1 for _ in _TOKEN.finditer(self.letters, start, end))


def rarest_of(words: Sequence[str]) -> int:
    """Return the number of the word that is probably the rarest, and so the soonest found."""
    return max(range(len(words)), key=lambda at: len(words[at])) if len(words) > 1 else 0


def _places(text: str, letters: str) -> Iterator[int]:
    at = letters.find(text)
    while at >= 0:
        yield at
        at = letters.find(text, at + len(text))


def apart(char: str, other: str) -> bool:
    """Tell whether two neighbours belong to different words."""
    return char == " " or char.isdecimal() is not other.isdecimal()


def words_in(letters: str) -> frozenset[str]:
    """Return the different words of folded *letters*."""
    if not letters.isascii():
        return frozenset(_TOKEN.findall(letters))
    if not any(map(letters.__contains__, string.digits)):
        return frozenset(letters.split())
    words = letters.translate(_NO_DIGITS).split()
    words += letters.translate(_NO_LETTERS).split()
    return frozenset(words)


def fold(text: str, *, addresses: bool = False) -> Folded:
    """Return the folded words of *text*.

    A word is a run of letters or a run of digits. Web and e-mail addresses are
    no words of a text, unless *addresses* says that they count.

    >>> fold("La EXTORSIO\u0301N, Ley N.º32108").words
    ('la', 'extorsion', 'ley', 'n', 'o', '32108')
    """
    return Folded(*_FOLDS.changed(text if addresses else _without_addresses(text)))


def fold_together(
    texts: Sequence[str], *, addresses: bool = False
) -> tuple[str, list[int], Folded]:
    """Return *texts* as one, where each begins there, and the folded words of all.

    Between two texts stands a sign that is no word; before and after each is a blank.
    """
    whole = f" {_BETWEEN.join(texts)} "
    starts = list(accumulate((len(text) + len(_BETWEEN) for text in texts), initial=1))[:-1]
    folded = fold(whole, addresses=addresses)
    for start in starts[1:]:
        folded.cut(start - len(_BETWEEN) // 2 - 1)
    return whole, starts, folded


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
        steady = (bytes([code]).decode(_WESTERN) for code, byte in enumerate(western) if byte)
        self._run = re.compile(f"[{re.escape(''.join(steady))}]{{2,}}")

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

    def changed(self, text: str) -> tuple[str, _Places | None]:
        """Return *text* changed, and its places; None where every character kept its own."""
        if "&" not in text or _ENTITY.search(text) is None:
            whole = self._whole(text)
            if whole is not None:
                return whole, None
        return self._in_pieces(text)

    def _whole(self, text: str) -> str | None:
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
        folded = data.translate(self._bytes)
        return folded.decode("ascii" if folded.isascii() else _WESTERN)

    def _in_pieces(self, text: str) -> tuple[str, _Places]:
        pieces: list[str] = []
        places = _Places()
        length = 0
        for start, end, chars in self._cut(text):
            kept = end - start == len(chars) > 1
            changed = self._kept(chars) if kept else "".join(map(self._change, chars))
            if changed:
                places.add(length, start, end, kept=kept)
                pieces.append(changed)
                length += len(changed)
            elif length and unicodedata.category(chars[0]) == "Mn":
                places.extend(length - 1, end)
        return "".join(pieces), places

    def _kept(self, chars: str) -> str:
        return chars.encode(_WESTERN).translate(self._bytes).decode(_WESTERN)

    def _cut(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield runs of characters that keep their places, and all others one by one."""
        at = 0
        for start, end, char in _entities(text):
            yield from self._cut_plain(text, at, start)
            yield start, end, char
            at = end
        yield from self._cut_plain(text, at, len(text))

    def _cut_plain(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        at = start
        for run in self._run.finditer(text, start, end):
            yield from ((i, i + 1, text[i]) for i in range(at, run.start()))
            yield *run.span(), run[0]
            at = run.end()
        yield from ((i, i + 1, text[i]) for i in range(at, end))


def _entities(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the HTML entities of *text* with start and end, each as what it stands for."""
    for entity in _ENTITY.finditer(text):
        char = html.unescape(f"&{entity[1]};")
        if not char.startswith("&"):
            yield entity.start(), entity.end(), char


def _without_addresses(text: str) -> str:
    """Return *text* with blanks where addresses stand, each character in its place."""
    slash = "/" in text and ("://" in text or _HOST_AND_SLASH.search(text) is not None)
    if not slash and "@" not in text and "www." not in text:
        return text
    return _ADDRESS.sub(lambda address: " " * len(address[0]), text)


def as_written(text: str) -> str:
    """Return *text* with its case and accents, but entities read and what no reader sees gone.

    >>> as_written("A\u00adPEC\u00a0&oacute;")
    'APEC ó'
    """
    if text.isascii() and text.isalnum():
        return text
    seen = "".join(char for char in html.unescape(html.unescape(text)) if char not in _INVISIBLE)
    return unicodedata.normalize("NFC", " ".join(seen.split()))


@dataclass(frozen=True, slots=True)
class Plain:
    """A text without accents and invisible characters, for regexes; *places* lead back.

    They are None where every character kept its place.
    """

    text: str
    places: _Places | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where [start, end) of the plain text stands in the text as it was given."""
        if self.places is None:
            return start, end
        return self.places.start(start), self.places.end(end - 1)


def plain(text: str) -> Plain:
    """Return *text* without accents and invisible characters; case and punctuation stay."""
    return Plain(*_BARE.changed(_without_addresses(text)))


@cache
def _bare(char: str) -> str:
    if char in _INVISIBLE:
        return ""
    decomposed = unicodedata.normalize("NFKD", char)
    return "".join(
        " " if c.isspace() and c not in "\r\n" else c
        for c in decomposed
        if unicodedata.category(c) != "Mn"
    )


_FOLDS = _Table(_folded)
_BARE = _Table(_bare)
