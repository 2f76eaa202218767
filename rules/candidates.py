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
from rules.fold import apart
from rules.law import CITED
from rules.page import Page
from rules.query import And, Count, Near, Node, Not, Or, Term, group_of, walk
from rules.scan import Scan

Kind = Literal["word", "prefix", "law", "decree", "bill"]

_RECOUNT_AT = (64, 256, 1024)
"""After so many counted entries, anchors are chosen anew by how often words were seen."""

_EACH = 32

_SMALL = 100_000
"""Up to so many letters, an automaton stays in the processor's cache."""

_KEPT = 50_000
"""So many words of articles are remembered to begin like no anchor."""

_OUTWORN = 0.05
"""When so large a share of an index was replaced, it is made anew."""

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
        self.watched: frozenset[str] = frozenset()
        self._passed = 0

    def count(self, page: Page) -> int | None:
        """Count the watched words of *page*; return how many were counted, or None if it was not.

        After the first, one page in 32 is: cutting it into words is most of its price.
        """
        self._passed += 1
        if self.entries >= _RECOUNT_AT[0] and self._passed % _EACH:
            return None
        self.entries += 1
        self.seen.update(page.words("") & self.watched)
        return self.entries

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
        group = group_of(term.field)
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


class Candidate:
    """The query of the rule called *name*, told from others by identity: it is soon hashed."""

    __slots__ = ("_clauses", "name", "tree")

    def __init__(self, name: str, tree: Node) -> None:
        self.name = name
        self.tree = tree
        self._clauses: Clauses | None = None

    @property
    def clauses(self) -> Clauses:
        """Return what has to stand in an entry's text, the shortest first: it says no soonest."""
        if self._clauses is None:
            self._clauses = tuple(sorted(clauses_of(self.tree), key=len))
        return self._clauses


_Found = tuple[Candidate, ...]


class _Scanner:
    """Finds in a text, in one go, all words and beginnings of words that are anchors of rules."""

    def __init__(self, words: Mapping[str, _Found], prefixes: Mapping[str, _Found]) -> None:
        texts = sorted({*words, *prefixes})
        self._whole = [words.get(text, ()) for text in texts]
        self._begun = [prefixes.get(text, ()) for text in texts]
        self._scan = Scan(texts)

    def found(self, page: Page, group: str) -> Iterator[_Found]:
        """Yield the rules of what stands there."""
        letters = page.letters(group)
        told: set[int] = set()
        for number, start, end in self._scan.hits(letters):
            if number in told:
                continue
            before = letters[start - 1]
            if before != " " and not apart(before, letters[start]):
                continue
            yield self._begun[number]
            after = letters[end]
            if after == " " or apart(after, letters[end - 1]):
                told.add(number)
                yield self._whole[number]


class _Lookup:
    """Does what _Scanner does, word by word: for so many anchors that an automaton would be slow.

    Most words of an article were met before and begin like no anchor: they are known.
    """

    def __init__(self, words: Mapping[str, _Found], prefixes: Mapping[str, _Found]) -> None:
        self._words = words
        self._whole = frozenset(words)
        lengths = {len(prefix) for prefix in prefixes}
        self._prefixes = [(n, {p: f for p, f in prefixes.items() if len(p) == n}) for n in lengths]
        self._barren: set[str] = set()

    def found(self, page: Page, group: str) -> list[_Found]:
        """Return the rules of what stands there."""
        words = page.words(group)
        found = list(map(self._words.__getitem__, words & self._whole))
        if self._prefixes:
            found += self._begun(words - self._barren)
        return found

    def _begun(self, words: frozenset[str]) -> list[_Found]:
        found: list[_Found] = []
        for word in words:
            before = len(found)
            found += [rules for n, table in self._prefixes if (rules := table.get(word[:n]))]
            if len(found) == before:
                self._barren.add(word)
        if len(self._barren) > _KEPT:
            self._barren = set()
        return found


def _finder(words: Mapping[str, _Found], prefixes: Mapping[str, _Found]) -> _Scanner | _Lookup:
    letters = sum(map(len, words)) + sum(map(len, prefixes))
    return (_Scanner if letters < _SMALL else _Lookup)(words, prefixes)


class _Index:
    """From what stands in an entry to the rules that it is an anchor of. It never changes."""

    def __init__(self, trees: Mapping[str, Node], rarity: Rarity) -> None:
        self.trees = trees
        always: list[Candidate] = []
        tables: dict[tuple[Kind, str], dict[str, list[Candidate]]] = {}
        anchors = Anchors(rarity)
        for name, tree in trees.items():
            candidate = Candidate(name, tree)
            found = anchors.of(tree)
            if found is None:
                always.append(candidate)
            for kind, group, text in found.atoms if found else ():
                tables.setdefault((kind, group), {}).setdefault(text, []).append(candidate)
        self._always = tuple(always)
        packed = {
            where: {text: tuple(rules) for text, rules in table.items()}
            for where, table in tables.items()
        }
        self._cited = {where: table for where, table in packed.items() if where[0] in CITED}
        self._finders = {
            group: _finder(packed.get(("word", group), {}), packed.get(("prefix", group), {}))
            for kind, group in packed
            if kind not in CITED
        }

    def found(self, page: Page) -> set[Candidate]:
        """Return the rules that *page* can match."""
        found = set(self._always)
        for group, finder in self._finders.items():
            found.update(*finder.found(page, group))
        for (kind, group), table in self._cited.items():
            for number in page.cited(group, kind):
                found.update(table.get(number, ()))
        return found


class _Indexes(NamedTuple):
    """The index of most rules, and a small one of those that were changed since it was made.

    A thread takes both at once, so that it asks every rule while another
    thread puts new ones in their place.
    """

    most: _Index
    changed: _Index


class Candidates:
    """The anchors of many rules, turned round. Several threads may ask at once.

    Rules that were changed stand in a small index beside that of all rules,
    until they are many.
    """

    def __init__(
        self, trees: Mapping[str, Node], rarity: Rarity | None = None, most: _Index | None = None
    ) -> None:
        """Prepare *trees*, by the ids of their rules, but not those that an index holds already."""
        self._trees = trees
        self._rarity = rarity or Rarity()
        most = most or _Index(trees, self._rarity)
        changed = _changed(most.trees, trees)
        self._indexes = _Indexes(most, _Index(changed, self._rarity))
        self._rarity.watched |= _words_of((trees if most.trees is trees else changed).values())

    def changed_to(self, trees: Mapping[str, Node]) -> Candidates:
        """Return the candidates of *trees*; those that are the very same are not prepared again."""
        most = self._indexes.most
        outworn = len(_changed(most.trees, trees)) > _OUTWORN * len(trees)
        return Candidates(trees, self._rarity, None if outworn else most)

    def of(self, page: Page) -> set[Candidate]:
        """Return the rules that *page* can match; some may be of rules that are gone."""
        indexes = self._indexes
        if self._rarity.count(page) in _RECOUNT_AT:
            self._indexes = _Indexes(_Index(self._trees, self._rarity), _Index({}, self._rarity))
        return indexes.most.found(page) | indexes.changed.found(page)


def _changed(before: Mapping[str, Node], after: Mapping[str, Node]) -> dict[str, Node]:
    return {name: tree for name, tree in after.items() if before.get(name) is not tree}


def _words_of(trees: Iterable[Node]) -> frozenset[str]:
    terms = (term for tree in trees for term in walk(tree) if isinstance(term, Term))
    return frozenset(chain.from_iterable(term.words for term in terms))


Clauses = tuple[tuple[str, ...], ...]
"""Words of an entry's text: one of each clause stands in whatever a query matches."""


def clauses_of(node: Node) -> Clauses:
    """Return what has to stand in an entry's text if *node* holds, as far as words tell it."""
    match node:
        case Term(kind=kind, words=words):
            if not node.is_of_words:
                return ()
            return (words,) if kind == "forms" else tuple((word,) for word in words)
        case And(parts):
            return tuple(clause for part in parts for clause in clauses_of(part))
        case Or(parts):
            each = [clauses_of(part) for part in parts]
            if not all(each):
                return ()
            return (tuple({word for clauses in each for word in min(clauses, key=_weight)}),)
        case Near(left, right):
            return clauses_of(left) + clauses_of(right)
        case Count(term):
            return clauses_of(term)
        case Not():
            return ()


def _weight(clause: Sequence[str]) -> float:
    """Return how little a clause tells: one long word tells most."""
    return len(clause) / min(map(len, clause))
