"""A set of rules, asked together about one entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.candidates import Candidates
from rules.entry import Entry
from rules.match import Match
from rules.plain import Page, judge
from rules.rule import Rule


class RuleSet:
    """Any number of rules behind one question: which of them match this entry, and why."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in rules}
        self._ordered = tuple(self.rules.values())
        self._versions = [rule.version for rule in self._ordered]
        self._candidates = Candidates([rule.tree for rule in self._ordered])

    def match(self, entry: Entry) -> tuple[Match, ...]:
        """Return the matches of *entry*, in the order of the rules."""
        page = Page(entry)
        return self._judged(page, entry.source, self._candidates.of(page))

    def match_plainly(self, entry: Entry) -> tuple[Match, ...]:
        """Return what match does, by asking every rule: slower, and what match is held to."""
        return self._judged(Page(entry), entry.source, range(len(self._ordered)))

    def _judged(self, page: Page, source: str, asked: Iterable[int]) -> tuple[Match, ...]:
        found = []
        for number in asked:
            rule = self._ordered[number]
            if _asks(rule, source) and (hits := judge(rule.tree, page)):
                because = page.because(hits)
                found.append(Match(rule=rule.id, version=self._versions[number], because=because))
        return tuple(found)


def _asks(rule: Rule, source: str) -> bool:
    return (rule.only is None or source in rule.only) and source not in rule.except_
