"""A set of rules, asked together about one entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.entry import Entry
from rules.match import Match
from rules.plain import Page, judge
from rules.rule import Rule


class RuleSet:
    """Any number of rules behind one question: which of them match this entry, and why."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in rules}
        self._versions = {rule.id: rule.version for rule in self.rules.values()}

    def match(self, entry: Entry) -> tuple[Match, ...]:
        """Return the matches of *entry*, in the order of the rules."""
        page = Page(entry)
        found = []
        for rule in self.rules.values():
            if not _asks(rule, entry.source):
                continue
            hits = judge(rule.tree, page)
            if hits:
                because = page.because(hits)
                found.append(Match(rule=rule.id, version=self._versions[rule.id], because=because))
        return tuple(found)


def _asks(rule: Rule, source: str) -> bool:
    return (rule.only is None or source in rule.only) and source not in rule.except_
