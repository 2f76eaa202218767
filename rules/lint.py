"""Warns of rules that work, but hardly as meant: each warning has its place and what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rules.common import EVERYWHERE
from rules.implication import implies, keys_implied, keys_of
from rules.language import places_of_terms
from rules.problems import Problem
from rules.query import And, Count, Near, Node, Not, Or, Term, print_query, walk
from rules.rule import Rule
from rules.sense import can_hold

SHORTEST_PREFIX = 4
WIDEST = 50
_LITERAL = re.compile(r"(?<!\\)[^\W\d_]{3,}")
_CLASS = re.compile(r"\[[^\]]*\]|\\[pP]\{?\w+\}?|\\.|\(\?[a-zA-Z]+\)?")


def warnings(rules: Iterable[Rule]) -> tuple[Problem, ...]:
    """Return what is odd about *rules*, in their order."""
    found: list[Problem] = []
    asked = _Asked(rules := list(rules))
    for rule in rules:
        found.extend(_of_query(rule))
        if wider := asked.wider_than(rule):
            message = f"all that it finds, the rule `{wider.id}` finds too"
            hint = "remove one of the two, or narrow the other"
            found.append(rule.problem(("query",), "L106", message, hint))
        if not rule.tests:
            hint = 'tests: {match: ["…"], no_match: ["…"]}; tocsin backtest finds texts for them'
            found.append(rule.problem(("id",), "L107", "the rule has no examples", hint))
    return tuple(found)


class _Asked:
    """The rules by something that stands in whatever they find, so that few are compared."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._numbers = {rule.id: number for number, rule in enumerate(rules)}
        self._common = Counter(
            key for rule in rules for term in _terms(rule.tree) for key in keys_of(term)
        )
        self._needs = {rule.id: self._groups(rule.tree) for rule in rules}
        self._with: dict[str, list[Rule]] = {}
        for rule in rules:
            for key in self._rarest(self._needs[rule.id]):
                self._with.setdefault(key, []).append(rule)

    def wider_than(self, rule: Rule) -> Rule | None:
        """Return a rule that finds all that *rule* finds; of two that ask the same, the first."""
        branches = rule.tree.parts if isinstance(rule.tree, Or) else (rule.tree,)
        branch = min(branches, key=lambda one: sum(1 for _ in walk(one)))
        keys = {key for term in _terms(branch) for key in keys_implied(term)}
        others = {other.id: other for key in keys & self._with.keys() for other in self._with[key]}
        return next(
            (
                other
                for other in sorted(others.values(), key=self._number)
                if other is not rule
                and not any(map(keys.isdisjoint, self._needs[other.id]))
                and _finds_all_of(other, rule)
                and (self._number(other) < self._number(rule) or not _finds_all_of(rule, other))
            ),
            None,
        )

    def _number(self, rule: Rule) -> int:
        return self._numbers[rule.id]

    def _groups(self, node: Node) -> tuple[frozenset[str], ...]:
        """Return groups of keys: of each, whatever implies *node* has one."""
        match node:
            case And(parts):
                return tuple(group for part in parts for group in self._groups(part))
            case Or(parts):
                choices = [self._rarest(self._groups(part)) for part in parts]
                return (frozenset[str]().union(*choices),) if all(choices) else ()
            case Near(left, right):
                return (*self._groups(left), *self._groups(right))
            case Count(term):
                return self._groups(term)
            case Term():
                return (frozenset(keys_of(node)),)
            case Not():
                return ()

    def _rarest(self, groups: Iterable[frozenset[str]]) -> frozenset[str]:
        return min(groups, key=self._commonness, default=frozenset())

    def _commonness(self, keys: frozenset[str]) -> int:
        return sum(map(self._common.__getitem__, keys))


def _terms(node: Node) -> Iterator[Term]:
    return (part for part in walk(node) if isinstance(part, Term))


def _finds_all_of(wide: Rule, rule: Rule) -> bool:
    """Tell whether *wide* is known to find whatever *rule* does."""
    return _asks_of_all(wide, rule) and implies(rule.tree, wide.tree)


def _asks_of_all(wide: Rule, rule: Rule) -> bool:
    """Tell whether *wide* asks of each source that *rule* asks of."""
    if rule.only is not None:
        return all(wide.asks_of(source) for source in rule.only if rule.asks_of(source))
    return wide.only is None and set(wide.except_) <= set(rule.except_)


Warned = tuple[str, str, str]


def _of_query(rule: Rule) -> Iterator[Problem]:
    """Yield what is odd about the query of *rule*, each at the place where it is written."""
    places = _Places(rule.query)
    branches: set[int] = set()
    for node in walk(rule.tree):
        for code, message, hint in _of_node(node, is_branch=id(node) in branches):
            yield rule.problem_in_query(places.next_of(node), code, message, hint)
        if isinstance(node, Or):
            branches.update(map(id, node.parts))
        places.pass_by(node)


class _Places:
    """Where the terms of a query are written, as its tree is walked from left to right."""

    def __init__(self, query: str) -> None:
        self._written = places_of_terms(query)
        self._lists = re.search(r"words:\S", query)
        self._passed: dict[str, int] = {}

    def next_of(self, node: Node) -> int:
        """Return where *node*, or its first term, is written; what a list holds, at the list."""
        written = _written(node)
        places: Sequence[int] = self._written.get(written, ())
        if not places:
            return self._lists.start() if self._lists else 0
        return places[min(self._passed.get(written, 0), len(places) - 1)]

    def pass_by(self, node: Node) -> None:
        """Go on behind *node* itself, and stay before what it is made of."""
        if isinstance(node, Term | Near):
            written = _written(node)
            self._passed[written] = self._passed.get(written, 0) + 1


def _of_node(node: Node, *, is_branch: bool) -> Iterator[Warned]:
    if is_branch and not can_hold(node):
        message = f"the branch `{print_query(node)}` can never hold"
        yield "L105", message, "it asks for a term and its absence; remove it"
    match node:
        case Near(distance=distance) if distance > WIDEST:
            message = f"NEAR/{distance} reaches over paragraphs"
            yield "L103", message, "up to NEAR/50 says that two things belong together"
        case Term():
            yield from _of_term(node)
        case _:
            pass


def _of_term(term: Term) -> Iterator[Warned]:
    if term.kind == "prefix" and len(term.words) == 1 and len(term.words[0]) < SHORTEST_PREFIX:
        message = f"`{term.text}*` begins very many words"
        yield "L101", message, "give a prefix four letters or more"
    if term.kind == "word" and term.text in {"and", "or", "not"}:
        message = f"`{term.text}` is looked for as a word"
        yield "L102", message, f"operators are written in capitals: {term.text.upper()}"
    elif term.kind == "word" and term.field in {"", "text"} and set(term.words) <= EVERYWHERE:
        message = f"`{term.text}` stands in nearly every article"
        yield "L102", message, 'join it to its neighbours: "de la ley"'
    if term.kind == "window" and term.slop > WIDEST:
        message = f"~{term.slop} reaches over paragraphs"
        yield "L103", message, "up to ~50 says that words belong together"
    if term.kind == "regex" and not _LITERAL.search(_CLASS.sub(" ", term.text)):
        message = "the regex names no three letters in a row"
        yield "L104", message, "it is tried on every article; words are found sooner"


def _written(node: Node) -> str:
    """Return *node*, or the first term of it, as places_of_terms() names it."""
    match node:
        case Near(distance=distance, ordered=ordered):
            return f"{'o' if ordered else ''}near/{distance}"
        case Term(kind="prefix"):
            return f"{node.text}*".casefold()
        case Term():
            return node.text.casefold()
        case And(parts) | Or(parts):
            return _written(parts[0])
        case Not(part) | Count(part):
            return _written(part)
