"""The page of the fast way: it knows from the words alone much of what need not be looked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rules.candidates import Candidate, Clauses
from rules.entry import Entry
from rules.fold import rarest_of
from rules.page import MOST_PLACES, Hits, Page, group_of
from rules.query import Near, Node, Or, Term, walk

_OF_WORDS = {"word", "phrase", "window", "exact", "forms"}
_SOUGHT = {*_OF_WORDS, "prefix"}
_NONE = Hits(iter(()))
_FEW = 16
_LONG = 50_000
"""From so many letters on, the words of all rules that may hold are looked for in one go."""

_TRIES = 8
"""Around so many places it is looked whether both sides of a NEAR may meet."""

_WIDTH = 16
"""So many letters hold a word and what separates it, nearly always."""


class QuickPage(Page):
    """A Page that answers as Page does, only sooner.

    *known* are the different folded words of its text; None, until there is
    so much to be asked that it pays to cut the text into words.
    """

    most = MOST_PLACES

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry)
        self._asked = 0
        self.known: frozenset[str] | None = None

    def words(self, group: str) -> frozenset[str]:
        """Return the different folded words of a group of fields."""
        words = super().words(group)
        if not group:
            self.known = words
        return words

    def may_hold(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Yield those of which a word of each clause may stand in the text: none that may is missed.

        Where little is asked, it is searched for; where much is, the text is
        cut into its words, once.
        """
        for candidate in candidates:
            if self.known is None and not self._is_much(candidate.clauses):
                letters = self._text.folded.letters
                if all(any(map(letters.__contains__, clause)) for clause in candidate.clauses):
                    yield candidate
                continue
            known = self.known or self.words("")
            for clause in candidate.clauses:
                if known.isdisjoint(clause):
                    break
            else:
                yield candidate

    def _is_much(self, clauses: Clauses) -> bool:
        """Tell whether *clauses*, with what was asked before, are worth cutting the text."""
        self._asked += sum(map(len, clauses))
        return self._asked >= _FEW

    def seek(self, trees: Iterable[Node]) -> None:
        """Find the words of *trees* in one go, if the text is so long that this is sooner."""
        if len(self.letters("")) < _LONG:
            return
        known = self.words("")
        sought: set[str] = set()
        for term in (node for tree in trees for node in walk(tree) if isinstance(node, Term)):
            if term.kind == "forms":
                sought.update(known.intersection(term.words))
            elif term.kind == "prefix" or (term.kind in _OF_WORDS and known.issuperset(term.words)):
                sought.add(term.words[rarest_of(term.words)])
        self._text.folded.seek(sorted(sought))

    def hits(self, term: Term) -> Hits:
        """Return the places of *term*, in the order of fields and offsets."""
        return _NONE if self._lacks(term) else super().hits(term)

    def _lacks(self, term: Term) -> bool:
        """Tell whether the words of the text leave *term* no place; if few are asked, it is uncut."""
        if term.kind not in _OF_WORDS or group_of(term.field):
            return False
        known = self.known
        if known is None:
            self._asked += 1
            if self._asked < _FEW:
                return False
            known = self.words("")
        if term.kind == "forms":
            return known.isdisjoint(term.words)
        return not known.issuperset(term.words)

    def may_meet(self, near: Near) -> bool:
        """Tell whether both sides of *near* may stand near one another: never a wrong no.

        It looks at the words around the places of one side for those of the other.
        """
        letters, tries = self._text.folded.letters, 0
        meeting = _meeting(near)
        if meeting is None or len(letters) >= _LONG:
            return True
        for text in self._present(meeting.rarer):
            at = letters.find(text)
            while at >= 0:
                tries += 1
                around = self._around(at, meeting.reach) if tries < _TRIES else None
                if around is None or meeting.other.stands_in(around):
                    return True
                at = letters.find(text, at + 1)
        return False

    def _present(self, side: _Side) -> Iterator[str]:
        """Yield what *side* stands by, but no words that the text does not have."""
        known = self.known
        yield from side.words if known is None else filter(known.__contains__, side.words)
        yield from side.beginnings

    def _around(self, at: int, reach: int) -> str | None:
        """Return the word at *at* of the letters and *reach* around; None if they are very long."""
        letters, width = self._text.folded.letters, (reach + 1) * _WIDTH
        before = letters[max(at - width, 0) : at].split()
        after = letters[at : at + width].split()
        if (len(before) <= reach and at > width) or (
            len(after) <= reach + 1 and at + width < len(letters)
        ):
            return None
        return " ".join(before[-reach:] + after[: reach + 1])


class _Side(NamedTuple):
    """What one side of a NEAR stands by: one of *words*, or of *beginnings* of words.

    Nothing that it stands for has more than *longest* words.
    """

    words: tuple[str, ...]
    beginnings: tuple[str, ...]
    longest: int

    def weight(self) -> float:
        """Return how often it probably stands in a text, as a figure to compare."""
        texts = self.words + self.beginnings
        return len(texts) / min(map(len, texts))

    def stands_in(self, letters: str) -> bool:
        """Tell whether it may stand in folded *letters*: never a wrong no."""
        return any(map(letters.__contains__, self.words)) or any(
            map(letters.__contains__, self.beginnings)
        )


class _Meeting(NamedTuple):
    """What has to stand at most *reach* words apart for a NEAR to hold, the rarer first."""

    rarer: _Side
    other: _Side
    reach: int


@lru_cache(maxsize=65_536)
def _meeting(near: Near) -> _Meeting | None:
    """Return what has to meet for *near* to hold; None where words alone do not tell."""
    left, right = _side(near.left), _side(near.right)
    if left is None or right is None:
        return None
    rarer, other = sorted((left, right), key=_Side.weight)
    return _Meeting(rarer, other, near.distance + left.longest + right.longest - 2)


def _side(node: Term | Or) -> _Side | None:
    words: list[str] = []
    beginnings: list[str] = []
    longest = 1
    for term in node.parts if isinstance(node, Or) else (node,):
        if not isinstance(term, Term) or term.kind not in _SOUGHT or group_of(term.field):
            return None
        if term.kind == "forms":
            words += term.words
            continue
        rarest = rarest_of(term.words)
        begun = term.kind == "prefix" and rarest == len(term.words) - 1
        (beginnings if begun else words).append(term.words[rarest])
        longest = max(longest, len(term.words) + term.slop)
    return _Side(tuple(words), tuple(beginnings), longest)
