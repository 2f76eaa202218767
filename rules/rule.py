"""A rule: a named question about an entry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from rules.entry import Entry
from rules.problems import Problem
from rules.query import Node, print_query
from rules.yamldoc import Document, Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A text that stands inside a rule, and whether the rule is to match it.

    *todo* marks one that the rule is known to get wrong so far.
    """

    entry: Entry
    expected: bool
    path: Path = ()
    todo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A named question about an entry, with its query, its examples and its routing.

    *only* None means every source. *notify* names the endpoints that hear of
    its matches.
    """

    id: str
    title: str
    query: str
    tree: Node
    tags: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    except_: tuple[str, ...] = ()
    tests: tuple[Example, ...] = ()
    document: Document | None = field(default=None, repr=False, compare=False)
    path: Path = ()

    @property
    def file(self) -> str:
        """Return the file that the rule stands in, as messages show it."""
        return self.document.file if self.document else ""

    @property
    def version(self) -> str:
        """Return a short hash of what decides: the query in its canonical form, and the sources."""
        canonical = "\x00".join((print_query(self.tree), repr(self.only), repr(self.except_)))
        return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:12]

    def problem_in_query(self, offset: int, code: str, message: str, hint: str = "") -> Problem:
        """Return a Problem at *offset* characters into the query."""
        if self.document is None:
            return self.problem((), code, message, hint)
        line, column = self.document.place_within((*self.path, "query"), offset)
        return Problem(
            file=self.document.file, line=line, column=column, code=code, message=message, hint=hint
        )

    def problem(self, path: Path, code: str, message: str, hint: str = "") -> Problem:
        """Return a Problem at *path* within the rule."""
        if self.document is None:
            return Problem(file=self.id, line=1, column=1, code=code, message=message, hint=hint)
        return self.document.problem((*self.path, *path), code, message, hint)
