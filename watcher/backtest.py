"""Asks rules about stored entries: what they would have matched, and what an edit changes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from rules import Match, RuleSet
from store import Stored

SHOWN = 10
"""How many hits of each kind are kept to be shown; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An entry that a rule matches, and why."""

    stored: Stored
    match: Match


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one rule matched: how often, on which days, and the first hits.

    With something to compare to, *gained* and *lost* are the entries that only
    one of the two matched.
    """

    rule: str
    count: int = 0
    days: Counter[date] = field(default_factory=Counter)
    hits: list[Hit] = field(default_factory=list)
    gained: int = 0
    lost: int = 0
    gains: list[Hit] = field(default_factory=list)
    losses: list[Hit] = field(default_factory=list)


def backtest(
    entries: Iterable[Stored], rules: RuleSet, against: RuleSet | None = None
) -> Mapping[str, Tally]:
    """Return what *rules* say of *entries*, and what *against* says differently, by rule."""
    names = dict.fromkeys((*rules.rules, *(against.rules if against else ())))
    tallies = {name: Tally(rule=name) for name in names}
    for stored in entries:
        now = {match.rule: match for match in rules.match(stored.entry)}
        before = {match.rule: match for match in against.match(stored.entry)} if against else now
        for name, match in now.items():
            _count(tallies[name], Hit(stored=stored, match=match))
            if name not in before:
                tallies[name].gained += 1
                _keep(tallies[name].gains, Hit(stored=stored, match=match))
        for name in before.keys() - now.keys():
            tallies[name].lost += 1
            _keep(tallies[name].losses, Hit(stored=stored, match=before[name]))
    return tallies


def merged(parts: Iterable[Mapping[str, Tally]]) -> Mapping[str, Tally]:
    """Return as one what backtest() said of each part of the entries, in their order."""
    whole: dict[str, Tally] = {}
    for name, tally in (item for part in parts for item in part.items()):
        into = whole.setdefault(name, Tally(rule=name))
        into.count += tally.count
        into.days += tally.days
        into.gained += tally.gained
        into.lost += tally.lost
        for kept, more in (
            (into.hits, tally.hits),
            (into.gains, tally.gains),
            (into.losses, tally.losses),
        ):
            kept.extend(more[: SHOWN - len(kept)])
    return whole


def _count(tally: Tally, hit: Hit) -> None:
    tally.count += 1
    tally.days[(hit.stored.entry.published or hit.stored.seen_at).date()] += 1
    _keep(tally.hits, hit)


def _keep(hits: list[Hit], hit: Hit) -> None:
    if len(hits) < SHOWN:
        hits.append(hit)
