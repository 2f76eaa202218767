"""Problems that a person has to mend, each with its place, its code and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong in a file that a person wrote.

    *line* and *column* count from 1. *code* is a letter and three digits and
    keeps its meaning over releases. *hint* says what to do about it.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """Return `file:line:column: CODE message`, the form that editors jump to."""
        return f"{self.file}:{self.line}:{self.column}: {self.code} {self.message}"


def unreadable(file: str, reason: str) -> Problem:
    """Return the Problem of a file whose bytes cannot be had, for the *reason* that the system gives."""
    return Problem(
        file=file,
        line=1,
        column=1,
        code="Y100",
        message=f"the file cannot be read: {reason}",
        hint="check what it is, its owner and its permissions",
    )


class OperatorError(Exception):
    """What only the operator can mend; the text says in one line where, and what to do."""


class DeskError(OperatorError):
    """Something in the desk that only its operator can mend; holds every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class RuleError(DeskError):
    """A rule file, or a rule's query, that cannot be used."""
