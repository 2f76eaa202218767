"""Runs the examples that stand inside a rule."""

from __future__ import annotations

from dataclasses import dataclass

from rules.plain import Page, judge
from rules.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFailure:
    """An example for which its rule answers wrongly; *place* is `file:line:column`."""

    rule: str
    place: str
    expected: bool
    text: str

    @property
    def why(self) -> str:
        """Return the failure in words."""
        verb = "should match, but does not" if self.expected else "should not match, but does"
        return f"{verb}: {self.text[:120]!r}"


def failures(rule: Rule) -> tuple[TestFailure, ...]:
    """Return the examples of *rule* that fail."""
    return tuple(
        TestFailure(
            rule=rule.id,
            place=str(rule.problem(example.path[len(rule.path) :], "R201", "")).split(": ")[0],
            expected=example.expected,
            text=example.entry.text or example.entry.title,
        )
        for example in rule.tests
        if bool(judge(rule.tree, Page(example.entry))) != example.expected
    )
