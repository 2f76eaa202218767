"""A rule: a named question about an entry."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cached_property
from typing import Literal

import msgspec

from rules.entry import Entry
from rules.problems import Problem
from rules.query import Node, print_query
from rules.yamldoc import Path, Places


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A text that stands inside a rule, and whether the rule is to match it.

    *todo* marks one that the rule is known to get wrong so far.
    """

    entry: Entry
    expected: bool
    path: Path = ()
    todo: bool = False


Copies = Literal["silent", "new-terms", "each"]
"""What a rule does with a copy of what it matched: it joins silently, it does unless a term of the
rule holds that held in none before, or each is a match of its own."""


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """When an endpoint is told of a rule's matches: so many sources had some *within* a while."""

    sources: int
    within: timedelta


class Rule(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A named question about an entry, with its query, its examples and its routing.

    *words* are the lists that the query names, as they are written; in *tree*
    they are put in. *formerly* are ids that it had before. *only* None means every
    source. *notify* names the endpoints that hear of its matches, and *escalations*
    say of some of them when they do. *copies* says what becomes of copies. *places* lead from
    *path* to line and column of its file.
    """

    id: str
    title: str
    query: str
    tree: Node
    words: tuple[tuple[str, str], ...] = ()
    formerly: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    escalations: dict[str, Escalation] = {}
    copies: Copies = "silent"
    only: tuple[str, ...] | None = None
    except_: tuple[str, ...] = ()
    tests: tuple[Example, ...] = ()
    places: Places | None = None
    path: Path = ()

    @property
    def file(self) -> str:
        """Return the file that the rule stands in, as messages show it."""
        return self.places.file if self.places else ""

    def asks_of(self, source: str) -> bool:
        """Tell whether the rule asks about entries of *source*."""
        return (self.only is None or source in self.only) and source not in self.except_

    @cached_property
    def version(self) -> str:
        """Return a short hash of what decides: the query in its canonical form, and the sources."""
        canonical = "\x00".join((print_query(self.tree), repr(self.only), repr(self.except_)))
        return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:12]

    def problem_in_query(self, offset: int, code: str, message: str, hint: str = "") -> Problem:
        """Return a Problem at *offset* characters into the query."""
        if self.places is None:
            return self.problem((), code, message, hint)
        return self.places.problem_within((*self.path, "query"), offset, code, message, hint)

    def problem(self, path: Path, code: str, message: str, hint: str = "") -> Problem:
        """Return a Problem at *path* within the rule."""
        if self.places is None:
            return Problem(file=self.id, line=1, column=1, code=code, message=message, hint=hint)
        return self.places.problem((*self.path, *path), code, message, hint)
