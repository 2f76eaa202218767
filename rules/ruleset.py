"""A set of rules, asked together about one entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rules.candidates import Candidates
from rules.entry import Entry
from rules.match import Match
from rules.page import Page
from rules.plain import judge
from rules.quick import QuickPage
from rules.rule import Rule


class RuleSet:
    """Any number of rules behind one question: which of them match this entry, and why."""

    def __init__(self, rules: Iterable[Rule], before: RuleSet | None = None) -> None:
        """Prepare *rules*; what *before* prepared is not done again."""
        self.rules: Mapping[str, Rule] = {rule.id: rule for rule in rules}
        self._order = {name: at for at, name in enumerate(self.rules)}
        trees = {name: rule.tree for name, rule in self.rules.items()}
        self.candidates: Candidates = (
            before.candidates.changed_to(trees) if before else Candidates(trees)
        )

    def match(self, entry: Entry) -> tuple[Match, ...]:
        """Return the matches of *entry*, in the order of the rules."""
        page = QuickPage(entry)
        asked = tuple(self._that_may_hold(page))
        page.seek(rule.tree for rule in asked)
        held = [match for rule in asked for match in _judged(rule, entry, page)]
        return tuple(sorted(held, key=lambda match: self._order[match.rule]))

    def _that_may_hold(self, page: QuickPage) -> Iterator[Rule]:
        for candidate in page.may_hold(self.candidates.of(page)):
            rule = self.rules.get(candidate.name)
            if rule is not None and rule.tree is candidate.tree:
                yield rule

    def match_plainly(self, entry: Entry) -> tuple[Match, ...]:
        """Return what match does, by asking every rule: slower, and what match is held to."""
        page = Page(entry)
        return tuple(match for rule in self.rules.values() for match in _judged(rule, entry, page))


def _judged(rule: Rule, entry: Entry, page: Page) -> tuple[Match, ...]:
    """Return the match of *rule*, if it holds; a rule of nothing but NOT convinces nobody."""
    if not rule.asks_of(entry.source):
        return ()
    hits = judge(rule.tree, page)
    return (Match(rule=rule.id, version=rule.version, because=page.because(hits)),) if hits else ()
