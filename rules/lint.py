"""Warns of rules that work, but hardly as meant: each warning has its place and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rules.common import EVERYWHERE
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
    asked = _Asked()
    for rule in (rules := list(rules)):
        asked.add(rule)
    for rule in rules:
        for node in walk(rule.tree):
            found.extend(_placed(rule, *odd) for odd in _of_node(node))
        if wider := asked.wider_than(rule):
            message = f"all that it finds, the rule `{wider.id}` finds too"
            hint = "remove one of the two, or narrow the other"
            found.append(rule.problem(("query",), "L106", message, hint))
        if not rule.tests:
            hint = 'tests: {match: ["…"], no_match: ["…"]}; tocsin backtest finds texts for them'
            found.append(rule.problem(("id",), "L107", "the rule has no examples", hint))
    return tuple(found)


class _Asked:
    """The branches of rules: what is joined by OR at the top of a query, or the query itself."""

    def __init__(self) -> None:
        self._branches: dict[str, frozenset[str]] = {}
        self._with: dict[str, list[Rule]] = {}

    def add(self, rule: Rule) -> None:
        """Take in what *rule* asks, and of which sources."""
        parts = rule.tree.parts if isinstance(rule.tree, Or) else (rule.tree,)
        whence = f"{rule.only}{rule.except_}"
        branches = frozenset(_sense(part) + whence for part in parts)
        self._branches[rule.id] = branches
        for branch in branches:
            self._with.setdefault(branch, []).append(rule)

    def wider_than(self, rule: Rule) -> Rule | None:
        """Return a rule that finds all that *rule* finds; of two that ask the same, the first."""
        own = self._branches[rule.id]
        own_comes_first = False
        for other in min((self._with[branch] for branch in own), key=len):
            if other is rule:
                own_comes_first = True
                continue
            theirs = self._branches[other.id]
            if own < theirs or (own == theirs and not own_comes_first):
                return other
        return None


def _sense(node: Node) -> str:
    """Return what *node* asks, however it is written and in whatever order."""
    match node:
        case And(parts) | Or(parts):
            return f"{type(node).__name__}{sorted(map(_sense, parts))}"
        case Not(part):
            return f"Not{_sense(part)}"
        case Term(kind="word" | "prefix" | "phrase" | "forms"):
            return f"{node.field}:{node.kind}:{node.words}"
        case _:
            return print_query(node)


Warned = tuple[Node, str, str, str]


def _of_node(node: Node) -> Iterator[Warned]:
    match node:
        case Or(parts):
            for part in parts:
                if not can_hold(part):
                    message = f"the branch `{print_query(part)}` can never hold"
                    yield part, "L105", message, "it asks for a term and its absence; remove it"
        case Near(distance=distance) if distance > WIDEST:
            message = f"NEAR/{distance} reaches over paragraphs"
            yield node, "L103", message, "up to NEAR/50 says that two things belong together"
        case Term():
            yield from _of_term(node)
        case _:
            pass


def _of_term(term: Term) -> Iterator[Warned]:
    if term.kind == "prefix" and len(term.words) == 1 and len(term.words[0]) < SHORTEST_PREFIX:
        message = f"`{term.text}*` begins very many words"
        yield term, "L101", message, "give a prefix four letters or more"
    if term.kind == "word" and term.text in {"and", "or", "not"}:
        message = f"`{term.text}` is looked for as a word"
        yield term, "L102", message, f"operators are written in capitals: {term.text.upper()}"
    elif term.kind == "word" and term.field in {"", "text"} and set(term.words) <= EVERYWHERE:
        message = f"`{term.text}` stands in nearly every article"
        yield term, "L102", message, 'join it to its neighbours: "de la ley"'
    if term.kind == "window" and term.slop > WIDEST:
        message = f"~{term.slop} reaches over paragraphs"
        yield term, "L103", message, "up to ~50 says that words belong together"
    if term.kind == "regex" and not _LITERAL.search(_CLASS.sub(" ", term.text)):
        message = "the regex names no three letters in a row"
        yield term, "L104", message, "it is tried on every article; words are found sooner"


def _placed(rule: Rule, node: Node, code: str, message: str, hint: str) -> Problem:
    """Return the warning at the first place in the query where *node* may be written."""
    written = _written(node)
    at = rule.query.casefold().find(written.casefold()) if written else -1
    return rule.problem_in_query(max(at, 0), code, message, hint)


def _written(node: Node) -> str:
    match node:
        case Near(_, _, distance):
            return f"NEAR/{distance}"
        case Term(kind="prefix"):
            return f"{node.text}*"
        case Term():
            return node.text
        case And(parts) | Or(parts):
            return _written(parts[0])
        case Not(part):
            return _written(part)
        case Count():
            return "count("
