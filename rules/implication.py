"""Tells whether one query holds wherever another does, without any text: never a wrong yes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rules.fold import rarest_of
from rules.query import FIELDS_OF, And, Count, Near, Node, Not, Or, Term

_MOST_STEPS = 20_000
"""So many pairs of parts are compared; what takes more is not seen."""

_RUNS = {"word", "phrase", "exact", "prefix"}
_AS_WRITTEN = {"exact", "regex", "law", "decree", "bill", "words"}


def implies(node: Node, other: Node) -> bool:
    """Tell whether *other* holds wherever *node* does; False also where that is hard to see.

    >>> implies(Term("word", "extorsion", ("extorsion",)), Term("prefix", "extors", ("extors",)))
    True
    """
    return _Proof().holds(node, other)


class _Proof:
    """One question, answered part by part; no pair of parts is compared twice."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bool] = {}

    def holds(self, node: Node, other: Node) -> bool:
        pair = (id(node), id(other))
        known = self._known.get(pair)
        if known is None:
            known = len(self._known) < _MOST_STEPS and self._found(node, other)
            self._known[pair] = known
        return known

    def _found(self, node: Node, other: Node) -> bool:
        if isinstance(node, Or):
            return all(self.holds(part, other) for part in node.parts)
        if isinstance(other, And):
            return all(self.holds(node, part) for part in other.parts)
        if isinstance(node, And) and any(self.holds(part, other) for part in node.parts):
            return True
        if isinstance(other, Or) and any(self.holds(node, part) for part in other.parts):
            return True
        return self._found_in_leaves(node, other)

    def _found_in_leaves(self, node: Node, other: Node) -> bool:
        match node, other:
            case Not(part), Not(its):
                return self.holds(its, part)
            case Near(), Near() if _nearer(node, other):
                return True
            case Near(left, right), _:
                return self.holds(left, other) or self.holds(right, other)
            case Count(term, least), Count(its, fewest) if term == its and least >= fewest:
                return True
            case Count(term), _:
                return self.holds(term, other)
            case Term(), Count(its, 1):
                return self.holds(node, its)
            case Term(), Term():
                return _stands_in(node, other)
            case _:
                return False


def keys_of(term: Term) -> tuple[str, ...]:
    """Return keys of which keys_implied() names one for every term that implies *term*."""
    if term.kind in _AS_WRITTEN:
        return (f"{term.kind}:{term.text}",)
    if term.kind == "forms":
        return term.words
    if term.kind == "prefix" and len(term.words) == 1:
        return (f"{term.words[0]}*",)
    whole = term.words[:-1] if term.kind == "prefix" else term.words
    return (whole[rarest_of(whole)],)


def keys_implied(term: Term) -> Iterator[str]:
    """Yield the keys of all terms that *term* may imply, and of others."""
    if term.kind in _AS_WRITTEN:
        yield f"{term.kind}:{term.text}"
    for word in term.words[:1] if term.kind == "forms" else term.words:
        yield word
        yield from (f"{word[:end]}*" for end in range(1, len(word) + 1))


def _stands_in(term: Term, other: Term) -> bool:
    """Tell whether *other* stands in every text in which *term* does."""
    if not _fields(term) <= _fields(other):
        return False
    if other.kind in _AS_WRITTEN:
        return (term.kind, term.text) == (other.kind, other.text)
    if term.kind in _RUNS:
        return _in_run(term.words, other, is_open=term.kind == "prefix")
    if term.kind == "forms":
        return all(_in_run((word,), other) for word in term.words)
    if term.kind == "window" == other.kind:
        fits = len(term.words) + term.slop <= len(other.words) + other.slop
        return fits and Counter(other.words) <= Counter(term.words)
    return term.kind == "window" and any(_in_run((word,), other) for word in term.words)


def _fields(term: Term) -> frozenset[str]:
    return frozenset(FIELDS_OF.get(term.field, (term.field,)))


def _in_run(words: Sequence[str], other: Term, *, is_open: bool = False) -> bool:
    """Tell whether *other* stands in these words in a row; the last of an open run may go on."""
    whole = words[:-1] if is_open else words
    if other.kind == "forms":
        return not set(whole).isdisjoint(other.words)
    if other.kind == "window":
        fits = len(whole) <= len(other.words) + other.slop
        return fits and Counter(other.words) <= Counter(whole)
    if other.kind != "prefix":
        whole_run = tuple(whole)
        return any(_at(whole_run, start, other.words) for start in range(len(whole_run)))
    *before, begun = other.words
    return any(
        words[start + len(before)].startswith(begun) and _at(words, start, before)
        for start in range(len(words) - len(before))
    )


def _at(words: Sequence[str], start: int, sought: Sequence[str]) -> bool:
    return tuple(words[start : start + len(sought)]) == tuple(sought)


def _nearer(near: Near, other: Near) -> bool:
    """Tell whether each two places that *near* asks for are two that *other* asks for."""
    if near.distance > other.distance or (other.ordered and not near.ordered):
        return False
    if _among(near.left, other.left) and _among(near.right, other.right):
        return True
    turned = _among(near.left, other.right) and _among(near.right, other.left)
    return turned and not other.ordered


def _among(side: Term | Or, other: Term | Or) -> bool:
    """Tell whether each place of *side* is one of *other*."""
    theirs = other.parts if isinstance(other, Or) else (other,)
    own = side.parts if isinstance(side, Or) else (side,)
    return all(any(_in_place(term, its) for its in theirs) for term in own)


def _in_place(term: Node, other: Node) -> bool:
    """Tell whether *other* stands at each place of *term*, and takes as many words there."""
    if term == other or not (isinstance(term, Term) and isinstance(other, Term)):
        return term == other
    if term.field != other.field or term.kind == "window" or other.kind == "window":
        return False
    return _length(term) == _length(other) and _stands_in(term, other)


def _length(term: Term) -> int:
    """Return how many words *term* takes where it stands."""
    return 1 if term.kind == "forms" else len(term.words)
