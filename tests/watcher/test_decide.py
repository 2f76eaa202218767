"""What one look at a source brings about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rules import Entry, RuleSet
from store import Claim, EndpointSpec, Known, Poll, Source, Wishes, entry_id, match_id
from tests.builders import BASE, NOON, a_polled, a_rule, a_source, an_entry
from watcher.decide import FAILING_AFTER, Desk, decide, is_news
from watcher.pace import Pace, after_failure, allowed, gaps, interval, spread

HOUR = timedelta(hours=1)
NOTHING = timedelta()
NEXT = NOON + HOUR


def a_desk(*rules, **events: tuple[str, ...]) -> Desk:
    endpoints = {
        name: EndpointSpec(name=name, url="https://x.org", events=wanted)
        for name, wanted in (events or {"newsroom": ("match.created",)}).items()
    }
    held = rules or (a_rule(notify=("newsroom",)), a_rule("strike", "huelga"))
    return Desk(rules=RuleSet(held), endpoints=endpoints, base_url=BASE)


def a_claim(**changed) -> Claim:
    return Claim(source=a_polled(**changed), token="t", until=NOON + HOUR)


def well(**changed) -> Source:
    return a_polled(succeeded_at=NOON, **changed)


def known(entry: Entry, *rules: str, sha256: str = "old") -> dict[str, Known]:
    placed = entry_id("green-left", entry.key)
    return {
        entry.key: Known(
            id=placed,
            key=entry.key,
            sha256=sha256,
            seen_at=NOON - HOUR,
            matched=dict.fromkeys(rules, "v1"),
        )
    }


def decided(*entries: Entry, before=None, desk: Desk | None = None, source=None, **changed):
    claim = Claim(source=source or well(), token="t", until=NEXT)
    return decide(
        claim, entries, before or {}, desk or a_desk(), now=NOON, next_poll_at=NEXT, **changed
    )


def test_a_new_entry_is_judged_and_owed_to_those_whom_its_rule_notifies() -> None:
    poll = decided(an_entry(source=""))
    (verdict,) = poll.judged
    assert verdict.entry.source == "green-left"
    assert [match.rule for match in verdict.matches] == ["law-32108"]
    (delivery,) = poll.owed
    assert (delivery.endpoint, delivery.event) == ("newsroom", "match.created")
    assert delivery.match == match_id("law-32108", verdict.id)
    assert delivery.payload["data"]["entry"]["title"] == "Article 1"
    assert (poll.token, poll.next_poll_at) == ("t", NEXT)


def test_an_entry_that_did_not_change_changes_nothing() -> None:
    entry = an_entry()
    poll = decided(entry, before=known(entry, "law-32108", sha256=entry.sha256))
    assert (poll.judged, poll.owed) == ((), ())


def test_an_edit_is_told_only_to_those_who_ask_for_updates() -> None:
    entry = an_entry()
    desk = a_desk(
        a_rule(notify=("newsroom", "archive")),
        newsroom=("match.created",),
        archive=("match.created", "match.updated"),
    )
    poll = decided(entry, before=known(entry, "law-32108"), desk=desk)
    assert [(d.endpoint, d.event) for d in poll.owed] == [("archive", "match.updated")]
    assert poll.judged[0].lost == ()


def test_an_edit_by_which_a_rule_matches_first_is_a_new_match() -> None:
    entry = an_entry()
    poll = decided(entry, before=known(entry))
    assert [delivery.event for delivery in poll.owed] == ["match.created"]


def test_an_edit_by_which_a_rule_holds_no_more_is_a_lost_match() -> None:
    entry = an_entry(text="nothing of it")
    poll = decided(entry, before=known(entry, "law-32108"))
    assert poll.judged[0].lost == ("law-32108",)


def test_the_same_news_has_the_same_delivery_id_and_an_edit_another() -> None:
    ids = {delivery.id for _ in range(2) for delivery in decided(an_entry()).owed}
    assert len(ids) == 1


def test_what_a_source_shows_first_is_stored_but_no_alert() -> None:
    old = an_entry(published=NOON - HOUR)
    poll = decided(old, source=a_polled())
    assert len(poll.judged[0].matches) == 1
    assert poll.owed == ()


@pytest.mark.parametrize(
    ("source", "published", "news"),
    [
        (a_polled(), None, False),
        (a_polled(), NOON - HOUR, False),
        (a_polled(), NOON + HOUR, True),
        (well(), NOON - HOUR, True),
        (well(), None, True),
        (a_polled(succeeded_at=NOON - HOUR), None, False),
        (a_polled(spec=a_source(alert_since="always")), NOON - HOUR, True),
        (a_polled(spec=a_source(alert_since=NOON)), NOON - HOUR, False),
        (a_polled(spec=a_source(alert_since=NOON)), NOON, True),
        (well(spec=a_source(alert_since=NOON)), NOON - HOUR, False),
        (well(spec=a_source(alert_since=NOON)), None, True),
    ],
)
def test_news_is_what_came_after_the_source_was_added(
    source: Source, published, news: bool
) -> None:
    assert is_news(an_entry(published=published), source) is news


def test_what_programs_hand_in_is_news_and_a_hubs_push_of_the_backlog_is_not() -> None:
    old = an_entry(published=NOON - 900 * HOUR)
    assert len(decided(old, source=a_polled(), pushed=True, news=True).owed) == 1
    assert not decided(old, source=a_polled(), pushed=True, news=False).owed


def test_what_claims_to_come_from_the_future_was_published_now() -> None:
    poll = decided(an_entry(published=NOON + HOUR, updated=NOON + 2 * HOUR))
    assert poll.judged[0].entry.published == NOON
    assert poll.judged[0].entry.updated == NOON


def test_matches_are_numbered_in_the_order_in_which_their_articles_came_out() -> None:
    newest_first = [an_entry(key, published=NOON - n * HOUR) for n, key in enumerate("abc")]
    oldest_first = newest_first[::-1]
    undated = [an_entry(key) for key in "abc"]
    for shown in (newest_first, oldest_first, undated):
        assert [v.entry.key for v in decided(*shown).judged] == ["c", "b", "a"]


def test_a_source_asks_only_the_rules_that_want_it() -> None:
    desk = a_desk(a_rule(only=("rpp",)), a_rule("other", "law:32108", except_=("rpp",)))
    poll = decided(an_entry(), desk=desk)
    assert [match.rule for match in poll.judged[0].matches] == ["other"]


def test_a_source_tells_that_it_fails_once_and_that_it_is_well_again_once() -> None:
    desk = a_desk(newsroom=("source.failing", "source.recovered"))
    told = []
    for failures in range(6):
        claim = a_claim(failures=failures, error="500" if failures else "")
        poll = failed(claim, desk, error="500")
        told += [(failures + 1, delivery.event) for delivery in poll.owed]
        assert poll.error == "500"
    assert told == [(FAILING_AFTER, "source.failing")]
    healed = decided(desk=desk, source=a_polled(failures=6, error="500"))
    assert [delivery.event for delivery in healed.owed] == ["source.recovered"]
    assert decided(desk=desk, source=a_polled(failures=1, error="500")).owed == ()


def test_a_source_that_is_gone_is_told_at_once_for_it_is_asked_no_more() -> None:
    poll = failed(a_claim(), a_desk(newsroom=("source.failing",)), error="410", gone=True)
    assert poll.gone
    assert [delivery.event for delivery in poll.owed] == ["source.failing"]


def failed(claim: Claim, desk: Desk, *, error: str, gone: bool = False) -> Poll:
    return decide(claim, (), {}, desk, now=NOON, next_poll_at=NEXT, error=error, gone=gone)


PACE = Pace(min=timedelta(minutes=5), max=timedelta(hours=24))


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (timedelta(minutes=1), PACE.min),
        (timedelta(hours=2), timedelta(hours=1)),
        (timedelta(days=30), PACE.max),
    ],
)
def test_a_source_is_read_twice_as_often_as_it_writes_within_the_bounds(gap, expected) -> None:
    usual, longest = gaps([an_entry(str(n), published=NOON - n * gap) for n in range(6)])
    assert usual == longest == gap
    assert interval(well(), usual, PACE, NOTHING) == expected


def test_without_dates_a_source_is_read_each_half_hour_and_its_own_word_wins() -> None:
    assert interval(well(), gaps([an_entry()])[0], PACE, NOTHING) == timedelta(minutes=30)
    spec = a_source(every=timedelta(minutes=2))
    assert interval(well(spec=spec), None, PACE, HOUR) == timedelta(minutes=2)
    local = a_source(kind="files", address="articles")
    assert interval(well(spec=local), None, PACE, HOUR) == timedelta(minutes=1)


def test_what_feed_or_server_ask_for_only_lengthens_the_wait_within_the_bounds() -> None:
    assert interval(well(), HOUR * 10, PACE, HOUR) == HOUR * 5
    assert interval(well(), HOUR, PACE, HOUR * 3) == HOUR * 3
    assert interval(well(), HOUR, PACE, timedelta(days=365)) == PACE.max


def test_hours_and_days_that_a_feed_leaves_out_are_left_out() -> None:
    at = datetime(2026, 11, 24, 12, 20, tzinfo=UTC)  # a Tuesday
    assert allowed(at, Wishes()) == at
    assert allowed(at, Wishes(skip_hours=(12, 13))) == at.replace(hour=14, minute=0)
    assert allowed(at, Wishes(skip_days=(1, 2))) == datetime(2026, 11, 26, tzinfo=UTC)


def test_failures_in_a_row_double_the_wait_up_to_a_bound_and_never_stop() -> None:
    waits = [after_failure(a_polled(failures=n), PACE, None) for n in (0, 1, 2, 500)]
    assert waits == [PACE.min, 2 * PACE.min, 4 * PACE.min, PACE.max]
    local = a_source(kind="files", address="articles")
    assert after_failure(a_polled(spec=local, failures=500), PACE, None) == timedelta(minutes=10)


def test_what_a_server_asks_for_only_lengthens_the_wait() -> None:
    assert after_failure(a_polled(), PACE, timedelta(hours=3)) == timedelta(hours=3)
    assert after_failure(a_polled(), PACE, timedelta(seconds=1)) == PACE.min


def test_the_next_look_is_spread_over_a_tenth_of_the_wait() -> None:
    assert spread(NOON, HOUR, 0.0) == NOON + HOUR
    assert spread(NOON, HOUR, 0.999) < NOON + HOUR * 1.1
