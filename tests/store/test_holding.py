from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.holding import (
    AT_WILL,
    Digest,
    Holding,
    Limit,
    Quiet,
    Wait,
    closed,
    next_digest,
    quiet_until,
    wait,
)
from tests.builders import NOON

HOUR = timedelta(hours=1)
ZONES = ("UTC", "America/Lima", "America/New_York", "Europe/Madrid", "Australia/Lord_Howe")

zones = st.sampled_from(ZONES)
clocks = st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None))
instants = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)
digests = st.builds(Digest, at=st.none() | clocks, zone=zones)
quiets = st.builds(Quiet, start=clocks, end=clocks, zone=zones).filter(lambda q: q.start != q.end)
limits = st.builds(
    Limit,
    count=st.integers(1, 4),
    per=st.integers(1, 48).map(lambda hours: hours * HOUR),
)
holdings = st.builds(
    Holding,
    digest=st.none() | digests,
    quiet=st.none() | quiets,
    at_most=st.none() | limits,
)


def at(written: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_an_endpoint_that_asks_for_nothing_is_told_at_once() -> None:
    assert wait(AT_WILL, NOON) is None


@pytest.mark.parametrize(
    ("digest", "now", "expected"),
    [
        (Digest(), at("2026-11-24T12:00:00"), at("2026-11-24T13:00:00")),
        (Digest(), at("2026-11-24T12:59:59"), at("2026-11-24T13:00:00")),
        (
            Digest(at=time(7), zone="America/Lima"),
            at("2026-11-24T06:59:00", "America/Lima"),
            at("2026-11-24T07:00:00", "America/Lima"),
        ),
        (
            Digest(at=time(7), zone="America/Lima"),
            at("2026-11-24T07:00:00", "America/Lima"),
            at("2026-11-25T07:00:00", "America/Lima"),
        ),
        # the clocks are set forward: half past two is left out, and is the instant of that
        (
            Digest(at=time(2, 30), zone="America/New_York"),
            at("2026-03-08T01:00:00", "America/New_York"),
            datetime(2026, 3, 8, 7, tzinfo=UTC),
        ),
        # the clocks are set back: half past one comes twice, and is its first
        (
            Digest(at=time(1, 30), zone="America/New_York"),
            at("2026-11-01T00:00:00", "America/New_York"),
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        ),
        (
            Digest(at=time(1, 30), zone="America/New_York"),
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
            datetime(2026, 11, 2, 6, 30, tzinfo=UTC),
        ),
    ],
)
def test_a_digest_is_due_at_its_time_of_the_day(
    digest: Digest, now: datetime, expected: datetime
) -> None:
    assert next_digest(digest, now) == expected
    assert wait(Holding(digest=digest), now) == Wait(until=expected, why="digest")


NIGHT = Quiet(start=time(22), end=time(7), zone="America/Lima")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24T21:59:59", None),
        ("2026-11-24T22:00:00", "2026-11-25T07:00:00"),
        ("2026-11-25T03:00:00", "2026-11-25T07:00:00"),
        ("2026-11-25T06:59:59", "2026-11-25T07:00:00"),
        ("2026-11-25T07:00:00", None),
    ],
)
def test_quiet_hours_may_go_over_midnight(now: str, until: str | None) -> None:
    expected = at(until, "America/Lima") if until else None
    assert quiet_until(NIGHT, at(now, "America/Lima")) == expected


def test_a_limit_lets_the_rest_wait_until_there_is_room() -> None:
    limit = Holding(at_most=Limit(count=2, per=HOUR))
    left = [NOON, NOON + HOUR / 4]
    assert wait(limit, NOON + HOUR / 4, recent=left[:1]) is None
    assert wait(limit, NOON + HOUR / 2, recent=left) == Wait(until=NOON + HOUR, why="at_most")
    assert wait(limit, NOON + HOUR, recent=left) is None


def test_a_silence_ends_with_a_summary_that_keeps_to_digests_and_quiet_hours() -> None:
    silenced = at("2026-11-25T03:00:00", "America/Lima")
    morning = at("2026-11-25T07:00:00", "America/Lima")
    assert wait(AT_WILL, NOON, silenced=silenced) == Wait(until=silenced, why="silence")
    assert wait(Holding(quiet=NIGHT), NOON, silenced=silenced) == Wait(until=morning, why="silence")
    daily = Holding(digest=Digest(at=time(9), zone="America/Lima"))
    assert wait(daily, NOON, silenced=silenced) == Wait(until=morning + 2 * HOUR, why="silence")
    assert wait(AT_WILL, NOON, silenced=NOON) is None


@settings(max_examples=60)
@given(digests, instants)
def test_a_digest_comes_within_a_day_and_the_hour_of_a_change_of_clocks(
    digest: Digest, now: datetime
) -> None:
    due = next_digest(digest, now)
    assert now < due <= now + timedelta(hours=26)
    assert next_digest(digest, due - timedelta(microseconds=1)) == due
    if digest.at is not None and digest.zone in {"UTC", "America/Lima"}:
        assert due.astimezone(ZoneInfo(digest.zone)).time() == digest.at


@settings(max_examples=60)
@given(quiets, instants)
def test_quiet_hours_end(quiet: Quiet, now: datetime) -> None:
    until = quiet_until(quiet, now)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)


@settings(max_examples=80)
@given(
    holdings,
    st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=25).map(sorted),
    instants,
)
def test_whatever_is_asked_for_nothing_is_lost_doubled_or_told_too_often(
    holding: Holding, minutes: Sequence[int], start: datetime
) -> None:
    # given news that come at some minutes
    left: list[datetime] = []
    told: list[int] = []
    waiting: dict[int, datetime] = {}

    # when time goes on, as the store sees it: what closes first, then what is new
    events = [(start + timedelta(minutes=minute), number) for number, minute in enumerate(minutes)]
    while events or waiting:
        now = min([*(at for at, _ in events), *waiting.values()])
        due = [number for number, until in waiting.items() if until <= now]
        if due and (later := closed(holding, now, recent=left)):
            assert later.until > now
            waiting.update(dict.fromkeys(due, later.until))
        elif due:
            left.append(now)
            told += due
            for number in due:
                del waiting[number]
        for moment, number in [one for one in events if one[0] <= now]:
            held = wait(holding, now, recent=left)
            if held is None:
                left.append(now)
                told.append(number)
            else:
                assert held.until > now
                waiting[number] = held.until
            events.remove((moment, number))

    # then each is told once, never in quiet hours, and never too many at once
    assert sorted(told) == list(range(len(minutes)))
    for instant in left:
        assert not (holding.quiet and quiet_until(holding.quiet, instant))
    if limit := holding.at_most:
        for instant in left:
            span = [other for other in left if instant <= other < instant + limit.per]
            assert len(span) <= limit.count
