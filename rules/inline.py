"""Runs the examples that stand inside a rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.page import Page
from rules.plain import judge
from rules.problems import Problem
from rules.rule import Example, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a rule answered one of its examples."""

    rule: Rule
    example: Example
    passed: bool

    @property
    def text(self) -> str:
        """Return how the example begins."""
        entry = self.example.entry
        return entry.text or entry.title or entry.summary or entry.url

    @property
    def problem(self) -> Problem | None:
        """Return what somebody has to do about it, or None.

        R201 is a failure. R202 is an example that was marked as todo and passes now.
        """
        path = self.example.path[len(self.rule.path) :]
        shown = repr(self.text[:120])
        if self.example.todo:
            if not self.passed:
                return None
            hint = f"move it to `{'match' if self.example.expected else 'no_match'}`"
            return self.rule.problem(path, "R202", f"passes now and is a todo: {shown}", hint)
        if self.passed:
            return None
        verb = (
            "should match, but does not" if self.example.expected else "should not match, but does"
        )
        hint = "mend the query, or list the example under `todo`"
        return self.rule.problem(path, "R201", f"{verb}: {shown}", hint)


def outcomes(rule: Rule) -> Iterator[Outcome]:
    """Yield how *rule* answers each of its examples; one without a source may be of any."""
    for example in rule.tests:
        entry = example.entry
        asked = not entry.source or rule.asks_of(entry.source)
        held = asked and judge(rule.tree, Page(entry)) is not None
        yield Outcome(rule=rule, example=example, passed=held == example.expected)


def failures(rule: Rule) -> tuple[Problem, ...]:
    """Return a Problem for each example of *rule* that fails; todos do not count."""
    return tuple(
        outcome.problem
        for outcome in outcomes(rule)
        if outcome.problem is not None and not outcome.example.todo
    )
