"""Finds, among many rules, the few that an entry can match at all: the others are never judged.

Each rule has an anchor: a small set of words, prefixes or laws of which at
least one must stand in an entry that the rule matches. A rule is a candidate
where one of them does. An anchor may let too much through, but never too little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from rules.law import CITED
from rules.plain import Page
from rules.query import And, Count, Near, Node, Not, Or, Term, walk

Kind = Literal["word", "prefix", "law", "decree", "bill"]

_RECOUNT_AT = (64, 512, 4096)
"""After so many entries, anchors are chosen anew by how often words were seen."""

_SHORT_PREFIX = 50.0
_UNSEEN = 0.5


@dataclass(frozen=True, slots=True)
class Atom:
    """A word, a prefix or a law's number that stands in some field; *group* "" is an entry's text."""

    kind: Kind
    group: str
    text: str


class Rarity:
    """How often words were seen so far; a word that was never seen is judged by its length."""

    def __init__(self) -> None:
        self.entries = 0
        self.seen: Counter[str] = Counter()

    def cost(self, atom: Atom) -> float:
        """Return how much an atom lets through: the share of entries that hold it, in percent."""
        if atom.kind in CITED:
            return _UNSEEN
        if atom.group in {"lang", "source"}:
            return 100.0
        if atom.kind == "prefix":
            return max(_SHORT_PREFIX / 4.0 ** max(len(atom.text) - 3, 0), _UNSEEN)
        if self.entries:
            return max(100.0 * self.seen[atom.text] / self.entries, _UNSEEN / len(atom.text))
        return 100.0 / 2.0 ** min(len(atom.text), 10)


def anchor(node: Node, rarity: Rarity) -> frozenset[Atom] | None:
    """Return atoms of which one stands in whatever *node* matches; None where there are none."""
    match node:
        case Term():
            return _of_term(node, rarity)
        case And(parts):
            return _cheapest([anchor(part, rarity) for part in parts], rarity)
        case Or(parts):
            anchors = [anchor(part, rarity) for part in parts]
            known = [one for one in anchors if one is not None]
            return frozenset().union(*known) if len(known) == len(anchors) else None
        case Near(left, right):
            return _cheapest([anchor(left, rarity), anchor(right, rarity)], rarity)
        case Count(term):
            return _of_term(term, rarity)
        case Not():
            return None


def _of_term(term: Term, rarity: Rarity) -> frozenset[Atom] | None:
    group = "" if term.field in {"", "title", "text"} else term.field
    if term.kind == "regex":
        return None
    if term.kind in CITED:
        return frozenset([Atom(cast("Kind", term.kind), group, term.text)])
    if term.kind == "forms":
        return frozenset(Atom("word", group, word) for word in term.words)
    words, atoms = term.words, []
    if term.kind == "prefix":
        words, atoms = words[:-1], [Atom("prefix", group, words[-1])]
    atoms += [Atom("word", group, word) for word in words]
    return frozenset([min(atoms, key=rarity.cost)])


def _cheapest(anchors: Iterable[frozenset[Atom] | None], rarity: Rarity) -> frozenset[Atom] | None:
    known = [one for one in anchors if one is not None]
    return min(known, key=lambda one: sum(map(rarity.cost, one)), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    """From what stands in an entry to the rules that it is an anchor of; made whole, never changed."""

    always: tuple[int, ...]
    words: Mapping[str, Mapping[str, list[int]]]
    prefixes: Mapping[tuple[str, int], Mapping[str, list[int]]]
    cited: Mapping[tuple[str, str], Mapping[str, list[int]]]


class Candidates:
    """The anchors of many rules, turned round. Several threads may ask at once."""

    def __init__(self, trees: Sequence[Node]) -> None:
        self._trees = trees
        self._rarity = Rarity()
        self._vocabulary = frozenset(
            word
            for tree in trees
            for term in walk(tree)
            if isinstance(term, Term)
            for word in term.words
        )
        self._index = self._chosen()

    def of(self, page: Page) -> list[int]:
        """Return the indexes of the rules that *page* can match, in order."""
        index = self._index
        found = set(index.always)
        for group, rules in index.words.items():
            for word in rules.keys() & page.words(group):
                found.update(rules[word])
        for (group, length), rules in index.prefixes.items():
            for word in page.words(group):
                if (begun := rules.get(word[:length])) is not None:
                    found.update(begun)
        for (group, kind), rules in index.cited.items():
            for number in rules.keys() & page.cited(group, kind):
                found.update(rules[number])
        self._count(page.words(""))
        return sorted(found)

    def _count(self, words: frozenset[str]) -> None:
        if self._rarity.entries >= _RECOUNT_AT[-1]:
            return
        self._rarity.entries += 1
        self._rarity.seen.update(words & self._vocabulary)
        if self._rarity.entries in _RECOUNT_AT:
            self._index = self._chosen()

    def _chosen(self) -> _Index:
        always: list[int] = []
        words: dict[str, dict[str, list[int]]] = {}
        prefixes: dict[tuple[str, int], dict[str, list[int]]] = {}
        cited: dict[tuple[str, str], dict[str, list[int]]] = {}
        for number, tree in enumerate(self._trees):
            atoms = anchor(tree, self._rarity)
            if atoms is None:
                always.append(number)
                continue
            for atom in atoms:
                if atom.kind == "word":
                    index = words.setdefault(atom.group, {})
                elif atom.kind == "prefix":
                    index = prefixes.setdefault((atom.group, len(atom.text)), {})
                else:
                    index = cited.setdefault((atom.group, atom.kind), {})
                index.setdefault(atom.text, []).append(number)
        return _Index(always=tuple(always), words=words, prefixes=prefixes, cited=cited)
