"""The page of the fast way: it knows from the words alone much of what need not be looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeVar

from rules.candidates import Candidate
from rules.entry import Entry
from rules.fold import rarest_of
from rules.page import MOST_PLACES, Hits, Page
from rules.query import Near, Node, Or, Term, group_of, walk

N = TypeVar("N")
T = TypeVar("T")

_REMEMBERED = 65_536
_NONE = Hits(iter(()))
_FEW = 16
_LONG = 50_000
"""From so many letters on, the words of all rules that may hold are looked for in one go."""

_MANY_PARTS = 4
"""From so many parts on, the words of a text tell which of an OR are asked."""

_HEAD = 4
"""So many letters of each word are kept, to tell which beginnings the text does not have."""

_ANY_HEAD = ""
"""The head of beginnings that are shorter: every text may have it."""

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
        self._asked = self._begun = 0
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
            known = self._known()
            for clause in candidate.clauses:
                if known.isdisjoint(clause):
                    break
            else:
                yield candidate

    def _is_much(self, clauses: Iterable[Sized]) -> bool:
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
            elif term.kind == "prefix" or (term.is_of_words and known.issuperset(term.words)):
                sought.add(term.words[rarest_of(term.words)])
        if len(sought) >= _FEW:
            self._text.folded.seek(sorted(sought))

    def hits(self, term: Term) -> Hits:
        """Return the places of *term*, in the order of fields and offsets."""
        return _NONE if self._lacks(term) else super().hits(term)

    def choice(self, node: Or) -> Iterable[Node]:
        """Return the parts of *node* that may hold, as far as the words of the text tell."""
        parts = node.parts
        if len(parts) < _MANY_PARTS or (self.known is None and not self._is_much((parts,))):
            return parts
        by_word, words, by_head, heads, others = _choice(node)
        needing = [part for word in self._known() & words for part in by_word[word]]
        return (*needing, *self._begun_by(by_head, heads), *others)

    def _lacks(self, term: Term) -> bool:
        """Tell whether the words of the text leave *term* no place; if few are asked, it is uncut."""
        if term.kind == "prefix":
            return not group_of(term.field) and not self._begins(term.words[-1])
        if not term.is_of_words:
            return False
        if self.known is None:
            self._asked += 1
            if self._asked < _FEW:
                return False
        if term.kind == "forms":
            return self._known().isdisjoint(term.words)
        return not self._known().issuperset(term.words)

    def _known(self) -> frozenset[str]:
        return self.known or self.words("")

    def _begins(self, beginning: str) -> bool:
        """Tell whether a word of the text may begin so; if few are asked, each may."""
        self._begun += 1
        if self._begun < _FEW or len(beginning) < _HEAD:
            return True
        return beginning[:_HEAD] in self._heads

    def _begun_by(self, by_head: Mapping[str, Sequence[T]], heads: frozenset[str]) -> Iterator[T]:
        """Yield those of *by_head* whose beginnings the text may have; if few are asked, all."""
        self._begun += len(heads)
        may_be = heads if self._begun < _FEW else self._heads & heads
        return chain.from_iterable(map(by_head.__getitem__, may_be))

    @cached_property
    def _heads(self) -> frozenset[str]:
        return frozenset((_ANY_HEAD, *(word[:_HEAD] for word in self._known())))

    def may_meet(self, near: Near) -> bool:
        """Tell whether both sides of *near* may stand near one another: never a wrong no.

        It looks at the words around the places of one side for those of the other.
        """
        meeting = _meeting(near)
        letters, tries = self._text.folded.letters, 0
        if meeting is None or self.known is None or len(letters) >= _LONG:
            return True
        others = self._present(meeting.other)
        for text in self._present(meeting.rarer) if others else ():
            at = letters.find(text)
            while at >= 0:
                tries += 1
                around = self._around(at, meeting.reach) if tries < _TRIES else None
                if around is None or any(map(around.__contains__, others)):
                    return True
                at = letters.find(text, at + 1)
        return False

    def _present(self, side: _Side) -> Sequence[str]:
        """Return what *side* may stand by in the text."""
        return (*(self._known() & side.words), *self._begun_by(side.by_head, side.heads))

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


def _once(make: Callable[[N], T]) -> Callable[[N], T]:
    """Return *make*, made to remember what it returned for a node.

    The node is known by its identity: to hash a hundred terms takes longer than to look for them.
    """
    made: dict[int, tuple[N, T]] = {}

    def known(node: N) -> T:
        found = made.get(id(node))
        if found is None:
            if len(made) >= _REMEMBERED:
                made.clear()
            found = made[id(node)] = (node, make(node))  # which keeps the node, and so its id
        return found[1]

    return known


def _head(beginning: str) -> str:
    return beginning[:_HEAD] if len(beginning) >= _HEAD else _ANY_HEAD


class _Choice(NamedTuple):
    """Parts of which one is to hold: those that need a word, or a beginning, by it; and the others."""

    by_word: Mapping[str, Sequence[Node]]
    words: frozenset[str]
    by_head: Mapping[str, Sequence[Node]]
    heads: frozenset[str]
    others: tuple[Node, ...]


@_once
def _choice(node: Or) -> _Choice:
    by_word: dict[str, list[Node]] = {}
    by_head: dict[str, list[Node]] = {}
    others: list[Node] = []
    for part in node.parts:
        if isinstance(part, Term) and part.is_of_words:
            for word in part.words if part.kind == "forms" else (max(part.words, key=len),):
                by_word.setdefault(word, []).append(part)
        elif isinstance(part, Term) and part.kind == "prefix" and not group_of(part.field):
            by_head.setdefault(_head(part.words[-1]), []).append(part)
        else:
            others.append(part)
    return _Choice(by_word, frozenset(by_word), by_head, frozenset(by_head), tuple(others))


class _Side(NamedTuple):
    """What one side of a NEAR stands by: one of *words*, or of the beginnings *by_head*.

    Nothing that it stands for has more than *longest* words.
    """

    words: frozenset[str]
    by_head: Mapping[str, Sequence[str]]
    heads: frozenset[str]
    longest: int

    def weight(self) -> float:
        """Return how often it probably stands in a text, as a figure to compare."""
        texts = [*self.words, *chain.from_iterable(self.by_head.values())]
        return len(texts) / min(map(len, texts))


class _Meeting(NamedTuple):
    """What has to stand at most *reach* words apart for a NEAR to hold, the rarer first."""

    rarer: _Side
    other: _Side
    reach: int


@_once
def _meeting(near: Near) -> _Meeting | None:
    """Return what has to meet for *near* to hold; None where words alone do not tell."""
    left, right = _side(near.left), _side(near.right)
    if left is None or right is None:
        return None
    rarer, other = sorted((left, right), key=_Side.weight)
    return _Meeting(rarer, other, near.distance + left.longest + right.longest - 2)


def _side(node: Term | Or) -> _Side | None:
    words: list[str] = []
    by_head: dict[str, list[str]] = {}
    longest = 1
    for term in node.parts if isinstance(node, Or) else (node,):
        if not isinstance(term, Term) or not (
            term.is_of_words or (term.kind == "prefix" and not group_of(term.field))
        ):
            return None
        if term.kind == "forms":
            words += term.words
            continue
        rarest = rarest_of(term.words)
        begun = term.kind == "prefix" and rarest == len(term.words) - 1
        text = term.words[rarest]
        (by_head.setdefault(_head(text), []) if begun else words).append(text)
        longest = max(longest, len(term.words) + term.slop)
    return _Side(frozenset(words), by_head, frozenset(by_head), longest)
