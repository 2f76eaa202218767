"""Finds laws, decrees and bills that a text cites by number, in four languages.

They are Spanish, English, Portuguese and French.
"""

from __future__ import annotations

import html
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rules import lawwords as known
from rules.fold import Folded

_TO_NUMBER = re.compile(r"[\s#(\[\"“«'‘’*_]*|[-–—]")
_TO_SIGN = re.compile(r"[\s#(\[\"“«'‘’,*_:-]*")
_AFTER_SIGN = re.compile(r"[\s.°ºª:#–—-]*")
_COMMA = re.compile(r"\s*[,;]?\s*")
_BETWEEN = re.compile(r"[\s,;]*|\s*[&+/]\s*|[-–]")
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_GROUP = re.compile(r"[.,'’ \u00a0\u2007\u2009\u202f]")
_SENTENCE = re.compile(r"[.;:!?()]")
_BEFORE_BRACKET = 12
_BEFORE_SIGN = 10
_USUAL, _WHOLE = 5, 4
"""How many digits a law's number has, and has at least where little else says that it is one."""
_NEAR = 4
_DIGIT = re.compile(r"\d")
_BEHIND, _REACH, _LIST = 100, 400, 100
"""How many letters before and after a word that names a law are read, and after a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """What is cited: the words that name it, those that may stand before its number.

    *dated* says whether a year and an office may follow the number: 5981/2023-CR.
    """

    heads: frozenset[str]
    between: frozenset[str]
    dated: bool = False


CITED = ("law", "decree", "bill")
_KINDS = {
    "law": _Kind(heads=known.LAW, between=known.KIND),
    "decree": _Kind(heads=known.DECREE, between=known.OF_DECREE, dated=True),
    "bill": _Kind(heads=known.BILL, between=known.OF_BILL, dated=True),
}


@dataclass(frozen=True, slots=True)
class Citation:
    """A law's number, and the offsets in the text between which it is cited."""

    number: str
    start: int
    end: int


def citations(text: str, folded: Folded, kind: str = "law") -> Mapping[str, tuple[Citation, ...]]:
    """Return what *text* cites of a *kind* (law, decree or bill), by number without leading zeros.

    Only the surroundings of the words that name it are cut into words: of a
    long text that is little.
    """
    found: dict[str, dict[int, Citation]] = {}
    for piece in _pieces(folded, _KINDS[kind].heads):
        for field in piece.fields:
            for citation in _Reader(text, field, _KINDS[kind]).all_cited():
                found.setdefault(citation.number, {}).setdefault(citation.end, citation)
    return {
        number: tuple(sorted(hits.values(), key=lambda one: one.start))
        for number, hits in found.items()
    }


def _pieces(folded: Folded, heads: Iterable[str]) -> Iterator[Folded]:
    """Yield the parts of a text in which a head stands with a number behind it."""
    letters = folded.letters
    if letters.isascii() and not any(map(letters.__contains__, string.digits)):
        return
    places = sorted(place for head in heads for place in folded.letters_of((head,)))
    numbered = [at for at, after in places if _DIGIT.search(letters, after, after + _REACH)]
    start = end = 0
    for at in numbered:
        if at > end:
            if end:
                yield folded.within(start, end)
            start = letters.rfind(" ", 0, max(at - _BEHIND, 0)) + 1
        if at + _REACH > end:
            end = _end_of_piece(letters, at + _REACH)
    if end:
        yield folded.within(start, end)


def _end_of_piece(letters: str, end: int) -> int:
    """Return where a word ends, at *end* or after it; a list of numbers goes on to its end."""
    while _DIGIT.search(letters, end - _LIST, end):
        end += _LIST
    blank = letters.find(" ", end)
    return blank if blank >= 0 else len(letters)


_Cited = tuple[str, int, int]
"""A number, and the numbers of the first and the last word that cite it."""


class _Reader:
    def __init__(self, text: str, folded: Folded, kind: _Kind) -> None:
        self._kind = kind
        self._text = text
        self._words = folded.words
        self._folded = folded

    def all_cited(self) -> Iterator[Citation]:
        """Yield what is cited, from each word that names it on."""
        named = False
        for at, word in enumerate(self._words):
            found: list[_Cited] = []
            if word in self._kind.heads and self._is_named(at):
                found = self._cited(at)
                named = self._kind.heads is known.LAW
            elif named and word == "la":
                found = self._called_back(at)
            for number, first, last in found:
                yield Citation(number, self._folded.start(first), self._folded.end(last))

    def _is_named(self, at: int) -> bool:
        """Tell whether the word at *at* names what is looked for: no draft or by-law for a law."""
        if at and self._gap(at - 1) in {"-", "‑"}:
            return False
        if self._words[at] == "leg":
            return at > 0 and self._words[at - 1] == "d"
        if self._kind.heads is not known.LAW:
            return True
        before = [
            word
            for word in self._words[max(0, at - 4) : at]
            if word not in known.ARTICLE | {"de", "of", "do"}
        ]
        return not before or (before[-1] not in known.OTHER and before[-1] not in known.DRAFT)

    def _cited(self, at: int) -> list[_Cited]:
        """Return the laws that are cited from the law word at *at* on."""
        found: list[_Cited] = []
        several = self._words[at].endswith("s")
        start = self._to_number(at)
        while start is not None and (read := self._number(start)):
            number, last = read
            if self._counts(last, known.MEASURED if last == start else known.COUNTED):
                break
            first = at if not found and start - at <= _NEAR else start
            found.append((number, first, last))
            listed = several or len(number) >= _WHOLE
            start = self._next_in_list(last, several=several) if listed else None
        if found or self._kind.heads is not known.LAW:
            return found
        return self._in_brackets(at) or self._behind_its_subject(at)

    def _to_number(self, at: int) -> int | None:
        """Return where the number after the law word at *at* begins."""
        here = at + 1
        while here < len(self._words) and self._words[here] in self._kind.between:
            here += 1
        shortened = self._words[at] in {"leg", "dleg", "dl", "pl"}
        return self._past_signs(here, _AFTER_SIGN if shortened else _TO_NUMBER)

    def _past_signs(self, here: int, gap: re.Pattern[str]) -> int | None:
        signed = False
        while here < len(self._words):
            allowed = (
                _AFTER_SIGN
                if signed
                else _TO_SIGN
                if self._words[here] in known.SIGN and gap is _TO_NUMBER
                else gap
            )
            if not allowed.fullmatch(self._gap(here - 1)):
                return None
            if self._words[here].isdecimal():
                return here
            if self._words[here] not in known.SIGN:
                return None
            signed = True
            here += 1
        return None

    def _number(self, at: int) -> tuple[str, int] | None:
        """Return the number that begins at *at*, its groups of three joined, and its last word."""
        number, last = self._words[at], at
        if len(number) <= 3:
            separator = self._gap(last)
            while self._continues(last, separator):
                last += 1
                number += self._words[last]
        elif self._continues(last, ".") or self._continues(last, ","):
            return None
        if self._goes_on(last) and not self._kind.dated:
            return None
        return number.lstrip("0") or "0", last

    def _goes_on(self, last: int) -> bool:
        """Tell whether the number that ends at *last* is part of something longer: 32108-2024, 32108B."""
        after = self._gap(last)
        follows = self._words[last + 1] if last + 1 < len(self._words) else ""
        if follows.isdecimal():
            return after in {"-", "–", "/", "‑"} and not self._both_whole(last)
        return after.startswith("%") or (len(follows) == 1 and after in {"", "-", "‑"})

    def _both_whole(self, last: int) -> bool:
        """Tell whether two numbers of a law's length stand side by side: leyes 32107/32108."""
        return len(self._words[last]) == len(self._words[last + 1]) == _USUAL

    def _continues(self, last: int, separator: str) -> bool:
        return (
            last + 1 < len(self._words)
            and len(self._words[last + 1]) == 3
            and self._words[last + 1].isdecimal()
            and self._gap(last) == separator
            and bool(_GROUP.fullmatch(separator))
        )

    def _next_in_list(self, last: int, *, several: bool) -> int | None:
        """Return where the next number of a list of laws begins: "…, 32107 (plazos) y la 32108".

        After one law ("Ley 30077, 32108 firmas"), a number that only a comma
        joins and that a word follows counts something else.
        """
        last = self._past_remark(last) if several else last
        here = last + 1
        gap = self._gap(last).rpartition(")")[2]
        if here >= len(self._words) or not (_BETWEEN if several else _COMMA).fullmatch(gap):
            return None
        joined = bool(gap.strip())
        by_word = False
        while here < len(self._words) and self._words[here] in known.JOIN | known.ARTICLE:
            by_word = True
            joined = joined or self._words[here] in known.JOIN
            if not self._gap(here).isspace():
                return None
            here += 1
        between = _BETWEEN if several and not by_word else _COMMA
        start = self._past_signs(here, between) if joined else None
        read = self._number(start) if start is not None else None
        if read is None or len(read[0]) < _WHOLE or self._counts(read[1], known.COUNTED):
            return None
        return start if several or by_word or not self._counts(read[1]) else None

    def _past_remark(self, last: int) -> int:
        """Return the last word of a remark in brackets behind the word at *last*, or that itself."""
        if self._gap(last).strip() != "(":
            return last
        inside = range(last + 1, min(last + _BEFORE_BRACKET, len(self._words)))
        return next((here for here in inside if self._gap(here).lstrip().startswith(")")), last)

    def _counts(self, at: int, what: frozenset[str] | None = None) -> bool:
        """Tell whether the number that ends at *at* counts what the next word names.

        That is any word but one of a list, or one of *what*.
        """
        if at + 1 >= len(self._words) or not self._gap(at).isspace():
            return False
        follows = self._words[at + 1]
        if what is not None:
            return follows in what
        return follows not in known.JOIN and not follows.isdecimal()

    def _called_back(self, at: int) -> list[_Cited]:
        """Return the law that "la 32108" means, at *at*, where a law was named before."""
        follows = at + 1 < len(self._words) and self._words[at + 1].isdecimal()
        read = self._number(at + 1) if follows and self._gap(at).isspace() else None
        if read is None or len(read[0]) < _USUAL or self._counts(read[1], known.COUNTED):
            return []
        return [(read[0], at + 1, read[1])]

    def _behind_its_subject(self, at: int) -> list[_Cited]:
        """Return the law whose number follows what it is about: "Ley de Crimen Organizado N.° 32108"."""
        words = self._words
        if at + 1 >= len(words) or words[at + 1] not in known.SUBJECT:
            return []
        for here in range(at + 1, min(at + _BEFORE_SIGN, len(words))):
            if _SENTENCE.search(self._gap(here - 1)) or words[here] in known.PAPERS:
                return []
            if words[here] not in known.SIGN | known.CALLED:
                continue
            start = self._past_signs(here + (words[here] in known.CALLED), _TO_NUMBER)
            read = self._number(start) if start is not None else None
            if start is not None and read and len(read[0]) >= _WHOLE:
                return [] if self._counts(read[1], known.COUNTED) else [(read[0], start, read[1])]
        return []

    def _in_brackets(self, at: int) -> list[_Cited]:
        """Return the law whose number follows the law's name in brackets: "Ley de … (32108)"."""
        for here in range(at + 1, min(at + _BEFORE_BRACKET, len(self._words))):
            gap = self._gap(here - 1)
            if re.search(r"[.;!?]\s", gap) or self._words[here] in known.ANOTHER:
                return []
            if not gap.rstrip().endswith("(") or gap.count("(") != 1:
                continue
            start = self._past_signs(here, re.compile(r".*\(\s*", re.DOTALL))
            read = self._number(start) if start is not None else None
            if (
                start is not None
                and read
                and len(read[0]) >= 4
                and self._gap(read[1]).startswith(")")
            ):
                return [(read[0], start, read[1])]
        return []

    def _gap(self, at: int) -> str:
        """Return what stands between the word at *at* and the next."""
        end = self._folded.start(at + 1) if at + 1 < len(self._words) else len(self._text)
        gap = self._text[self._folded.end(at) : end]
        return gap if gap == " " else _UNSEEN.sub("", html.unescape(html.unescape(gap)))
