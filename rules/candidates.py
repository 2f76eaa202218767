"""Finds, among many rules, the few that an entry can match at all: the others are never judged.

Each rule has an anchor: a small set of words, prefixes or laws of which at
least one must stand in an entry that the rule matches. A rule is a candidate
where one of them does. An anchor may let too much through, but never too little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple, cast

from rules.common import SHARES
from rules.law import CITED
from rules.plain import Page
from rules.query import And, Count, Near, Node, Not, Or, Term, walk

Kind = Literal["word", "prefix", "law", "decree", "bill"]

_RECOUNT_AT = (64, 512, 4096)
"""After so many entries, anchors are chosen anew by how often words were seen."""

_KEPT = 50_000
"""So many words of articles are remembered to be no anchors."""

_OUTWORN = 0.05
"""When so large a share of an index was replaced, it is made anew."""

_ALL_WORDS = {"word", "phrase", "window", "exact"}
_SHORT_PREFIX = 50.0
_UNSEEN = 0.5


class Atom(NamedTuple):
    """A word, a prefix or a law's number that stands in some field; *group* "" is an entry's text."""

    kind: Kind
    group: str
    text: str


class Anchor(NamedTuple):
    """Atoms of which one stands in whatever a query matches, and how much they let through."""

    cost: float
    atoms: tuple[Atom, ...]


class Rarity:
    """How often words were seen so far; before that, a small table and the word's length tell."""

    def __init__(self) -> None:
        self.entries = 0
        self.seen: Counter[str] = Counter()

    def cost(self, atom: Atom) -> float:
        """Return how much an atom lets through: the share of entries that hold it, in percent."""
        kind, group, text = atom
        if kind in CITED:
            return _UNSEEN
        if group in {"lang", "source"}:
            return 100.0
        if kind == "prefix":
            return max(_SHORT_PREFIX / 4.0 ** max(len(text) - 3, 0), _UNSEEN)
        if self.entries:
            return max(100.0 * self.seen[text] / self.entries, _UNSEEN / len(text))
        return SHARES.get(text) or max(8.0 / 1.5 ** len(text), _UNSEEN / len(text))


class Anchors:
    """Chooses the anchors of queries, by how rare words are."""

    def __init__(self, rarity: Rarity) -> None:
        self._rarity = rarity
        self._families: dict[Term, Anchor] = {}

    def of(self, node: Node) -> Anchor | None:
        """Return the anchor of *node*; None where nothing has to stand in what it matches."""
        match node:
            case Term():
                return self._of_term(node)
            case And(parts):
                return _best(map(self.of, parts))
            case Or(parts):
                anchors = [self.of(part) for part in parts]
                known = [one for one in anchors if one is not None]
                return _together(known) if len(known) == len(anchors) else None
            case Near(left, right):
                return _best((self.of(left), self.of(right)))
            case Count(term):
                return self._of_term(term)
            case Not():
                return None

    def _of_term(self, term: Term) -> Anchor | None:
        group = _group(term.field)
        kind = term.kind
        if kind == "regex":
            return None
        if kind in CITED:
            return self._alone(Atom(cast("Kind", kind), group, term.text))
        if kind == "forms":
            if term not in self._families:
                family = [self._alone(Atom("word", group, word)) for word in term.words]
                self._families[term] = _together(family)
            return self._families[term]
        words = [Atom("word", group, word) for word in term.words]
        if kind == "prefix":
            words[-1] = Atom("prefix", group, term.words[-1])
        return min(map(self._alone, words), key=_cost)

    def _alone(self, atom: Atom) -> Anchor:
        return Anchor(self._rarity.cost(atom), (atom,))


def _best(anchors: Iterable[Anchor | None]) -> Anchor | None:
    return min((one for one in anchors if one is not None), default=None, key=_cost)


def _cost(one: Anchor) -> float:
    return one.cost


def _together(anchors: Sequence[Anchor]) -> Anchor:
    atoms = tuple(dict.fromkeys(chain.from_iterable(one.atoms for one in anchors)))
    return Anchor(sum(map(_cost, anchors)), atoms)


def _group(field: str) -> str:
    return "" if field in {"", "title", "text"} else field


_Rules = tuple[str, ...]
_Table = dict[str, _Rules]
_Where = tuple[Kind, str, int]
"""What a table is of: the kind of its atoms, their field, and for prefixes their length."""


class _Words:
    """From the words of an article to the rules that they, or their beginnings, are anchors of.

    Most words of an article were met before and are no anchors: they are known.
    """

    def __init__(self, group: str, tables: Mapping[_Where, _Table]) -> None:
        self._tables = [
            (length or None, table)
            for (kind, field, length), table in tables.items()
            if field == group and kind in {"word", "prefix"}
        ]
        self._barren: set[str] = set()

    def found(self, words: frozenset[str]) -> Iterator[_Rules]:
        """Yield the rules of each of *words*."""
        for word in words - self._barren:
            fruitful = False
            for length, table in self._tables:
                rules = table.get(word[:length])
                if rules is not None:
                    fruitful = True
                    yield rules
            if not fruitful:
                self._barren.add(word)
        if len(self._barren) > _KEPT:
            self._barren = set()


class _Index:
    """From what stands in an entry to the rules that it is an anchor of; its tables never change."""

    def __init__(self, always: _Rules, tables: Mapping[_Where, _Table]) -> None:
        self.always = always
        self.tables = tables
        groups = {group for kind, group, _ in tables if kind in {"word", "prefix"}}
        self._words = {group: _Words(group, tables) for group in groups}
        self._cited = {
            (group, kind): table for (kind, group, _), table in tables.items() if kind in CITED
        }

    @classmethod
    def of(cls, trees: Mapping[str, Node], rarity: Rarity) -> _Index:
        """Return the index of *trees*, by the ids of their rules."""
        always: list[str] = []
        tables: dict[_Where, dict[str, list[str]]] = {}
        anchors = Anchors(rarity)
        for identity, tree in trees.items():
            found = anchors.of(tree)
            if found is None:
                always.append(identity)
            for atom in found.atoms if found else ():
                tables.setdefault(_where(atom), {}).setdefault(atom.text, []).append(identity)
        packed = {
            where: {text: tuple(rules) for text, rules in table.items()}
            for where, table in tables.items()
        }
        return cls(tuple(always), packed)

    def joined(self, other: _Index) -> _Index:
        """Return an index of both; what is only in one of them is not copied."""
        tables = dict(self.tables)
        for where, more in other.tables.items():
            table = dict(tables.get(where, {}))
            for text, rules in more.items():
                table[text] = _both(table.get(text, ()), rules)
            tables[where] = table
        return _Index(_both(self.always, other.always), tables)

    def found(self, page: Page) -> set[str]:
        """Return the rules that *page* can match."""
        found: set[str] = set(self.always)
        for group, words in self._words.items():
            found.update(*words.found(page.words(group)))
        for (group, kind), table in self._cited.items():
            for number in page.cited(group, kind):
                found.update(table.get(number, ()))
        return found


def _where(atom: Atom) -> _Where:
    return atom.kind, atom.group, len(atom.text) if atom.kind == "prefix" else 0


def _both(some: _Rules, more: _Rules) -> _Rules:
    return (*some, *(rule for rule in more if rule not in some))


class Candidates:
    """The anchors of many rules, turned round. Several threads may ask at once."""

    def __init__(
        self,
        trees: Mapping[str, Node],
        rarity: Rarity | None = None,
        prepared: tuple[_Index, frozenset[str]] | None = None,
        replaced: int = 0,
    ) -> None:
        """Prepare *trees*, by the ids of their rules, unless their index and words are there."""
        self._trees = trees
        self._rarity = rarity or Rarity()
        self._replaced = replaced
        self._index, self._vocabulary = prepared or (
            _Index.of(trees, self._rarity),
            _words_of(trees.values()),
        )

    def changed_to(self, trees: Mapping[str, Node]) -> Candidates:
        """Return the candidates of *trees*; those that are the very same are not prepared again."""
        new = {name: tree for name, tree in trees.items() if self._trees.get(name) is not tree}
        replaced = self._replaced + len(new)
        if replaced > _OUTWORN * len(trees):
            return Candidates(trees, self._rarity)
        index = self._index.joined(_Index.of(new, self._rarity))
        words = self._vocabulary | _words_of(new.values())
        return Candidates(trees, self._rarity, (index, words), replaced)

    def of(self, page: Page) -> set[str]:
        """Return the ids of the rules that *page* can match; some may be of rules that are gone."""
        found = self._index.found(page)
        self._count(page.words(""))
        return found

    def _count(self, words: frozenset[str]) -> None:
        if self._rarity.entries >= _RECOUNT_AT[-1]:
            return
        self._rarity.entries += 1
        self._rarity.seen.update(words & self._vocabulary)
        if self._rarity.entries in _RECOUNT_AT:
            self._index = _Index.of(self._trees, self._rarity)
            self._replaced = 0


def _words_of(trees: Iterable[Node]) -> frozenset[str]:
    terms = (term for tree in trees for term in walk(tree) if isinstance(term, Term))
    return frozenset(chain.from_iterable(term.words for term in terms))


def may_hold(node: Node, page: Page) -> bool:
    """Tell, from the words of *page* alone, whether *node* can hold: soon, and never a wrong no.

    It is asked a hundred times for an article; types are told apart in the
    quickest way.
    """
    kind = type(node)
    if kind is Term:
        return _term_may_hold(cast("Term", node), page)
    if kind is And:
        for part in cast("And", node).parts:  # noqa: SIM110  # a generator costs as much again
            if not may_hold(part, page):
                return False
        return True
    if kind is Or:
        for part in cast("Or", node).parts:  # noqa: SIM110
            if may_hold(part, page):
                return True
        return False
    if kind is Near:
        near = cast("Near", node)
        return may_hold(near.left, page) and may_hold(near.right, page)
    return kind is Not or _term_may_hold(cast("Count", node).term, page)


def _term_may_hold(term: Term, page: Page) -> bool:
    words = page.words(_group(term.field))
    if term.kind in _ALL_WORDS:
        return words.issuperset(term.words)
    return term.kind != "forms" or not words.isdisjoint(term.words)
