"""What rules would have matched, and what an edit gains and loses."""

from __future__ import annotations

from datetime import date, timedelta

from rules import RuleSet
from store import Stored, entry_id
from tests.builders import NOON, a_rule, an_entry
from watcher.backtest import SHOWN, backtest, merged


def stored(key: str, text: str, days: int = 0, **changed) -> Stored:
    entry = an_entry(key, text=text, title="", **changed)
    seen = NOON - timedelta(days=days)
    return Stored(id=entry_id("green-left", key), entry=entry, seen_at=seen, matched={})


ENTRIES = [
    stored("1", "Ley 32108"),
    stored("2", "Los cupos", 1),
    stored("3", "Ley 32108 y cupos", 1),
    stored("4", "Ley 32108", published=NOON - timedelta(days=9)),
]


def test_matches_are_counted_by_the_day_on_which_the_article_came_out() -> None:
    tally = backtest(ENTRIES, RuleSet([a_rule()]))["law-32108"]
    assert tally.count == 3
    assert tally.days == {date(2026, 11, 24): 1, date(2026, 11, 23): 1, date(2026, 11, 15): 1}
    assert [hit.stored.entry.key for hit in tally.hits] == ["1", "3", "4"]
    assert tally.hits[0].match.because[0].quote == "Ley 32108"


def test_an_edit_shows_what_it_gains_and_what_it_loses() -> None:
    old, new = RuleSet([a_rule(query="law:32108")]), RuleSet([a_rule(query="cupos")])
    tally = backtest(ENTRIES, new, old)["law-32108"]
    assert (tally.count, tally.gained, tally.lost) == (2, 1, 2)
    assert [hit.stored.entry.key for hit in tally.gains] == ["2"]
    assert [hit.stored.entry.key for hit in tally.losses] == ["1", "4"]
    assert tally.losses[0].match.because[0].quote == "Ley 32108"


def test_a_new_rule_gains_everything_and_a_removed_one_loses_everything() -> None:
    tallies = backtest(ENTRIES, RuleSet([a_rule("new", "cupos")]), RuleSet([a_rule()]))
    assert (tallies["new"].gained, tallies["law-32108"].lost) == (2, 3)


def test_what_parts_of_the_entries_say_is_what_all_say() -> None:
    many = [stored(str(number), "Ley 32108", number % 3) for number in range(3 * SHOWN)]
    rules, against = RuleSet([a_rule()]), RuleSet([a_rule("old", "ley")])
    parts = [many[:4], [], many[4:25], many[25:]]
    said = [backtest(part, rules, against) for part in parts]
    assert merged(said) == backtest(many, rules, against)


def test_all_hits_are_counted_and_some_are_kept() -> None:
    many = [stored(str(number), "Ley 32108") for number in range(3 * SHOWN)]
    tally = backtest(many, RuleSet([a_rule()]))["law-32108"]
    assert (tally.count, len(tally.hits)) == (3 * SHOWN, SHOWN)
