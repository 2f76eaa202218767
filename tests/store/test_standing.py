"""When an endpoint is left alone for a while, and when for good."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import Attempt, Delivery, Endpoint, Outcome, Tried
from store.standing import BREAKS_AT, DISABLED_AFTER, GONE, after, is_broken
from tests.builders import NOON

WELL = Endpoint(name="newsroom")


def a_try(at: datetime = NOON, outcome: Outcome = "retry", **took: float) -> Tried:
    delivery = Delivery(
        id="msg_1",
        endpoint="newsroom",
        event="match.created",
        match="m",
        body=b"{}",
        state="due",
        created_at=NOON,
        due=NOON,
    )
    attempt = Attempt(number=1, at=at, took=timedelta(**took), status=500)
    return Tried(delivery=delivery, attempt=attempt, outcome=outcome)


def failed(times: int) -> Endpoint:
    left = WELL
    for number in range(times):
        left = after(left, a_try(NOON + timedelta(minutes=number)))
    return left


def test_nine_failures_change_nothing_but_their_count() -> None:
    left = failed(BREAKS_AT - 1)
    assert (left.failures, left.rests_until, is_broken(left)) == (9, None, False)
    assert left.failing_since == NOON


@pytest.mark.parametrize(
    ("failures", "rest"),
    [
        (10, timedelta(seconds=5)),
        (11, timedelta(minutes=5)),
        (12, timedelta(minutes=30)),
        (40, timedelta(minutes=30)),
    ],
)
def test_after_ten_it_rests_by_the_schedule_up_to_half_an_hour(
    failures: int, rest: timedelta
) -> None:
    before = Endpoint(name="newsroom", failures=failures - 1, failing_since=NOON)
    left = after(before, a_try(NOON, seconds=3))
    assert left.rests_until == NOON + timedelta(seconds=3) + rest


def test_what_was_under_way_when_it_began_to_rest_counts_for_nothing() -> None:
    broken = failed(BREAKS_AT)
    assert broken.rests_until is not None
    straggler = a_try(broken.rests_until - timedelta(minutes=5))
    assert after(broken, straggler) == broken


def test_one_arrival_makes_it_well() -> None:
    left = after(failed(30), a_try(NOON, "delivered"))
    assert (left.failures, left.failing_since, left.rests_until) == (0, None, None)
    assert left.succeeded_at == NOON


def test_410_disables_it_at_once_and_five_days_of_failures_do_in_the_end() -> None:
    assert after(WELL, a_try(NOON, "gone")).disabled == GONE
    failing = failed(3)
    early = after(failing, a_try(NOON + DISABLED_AFTER - timedelta(seconds=1)))
    assert early.disabled == ""
    late = after(failing, a_try(NOON + DISABLED_AFTER))
    assert late.disabled == "nothing arrived for 5 days"
    assert after(late, a_try(NOON + DISABLED_AFTER, "gone")).disabled == late.disabled


@given(st.lists(st.tuples(st.sampled_from(["delivered", "retry", "failed"]), st.integers(0, 4000))))
def test_an_endpoint_is_disabled_only_after_five_days_without_an_arrival(
    tries: list[tuple[Outcome, int]],
) -> None:
    left, now, arrived = WELL, NOON, NOON
    for outcome, minutes in tries:
        now += timedelta(minutes=minutes)
        left = after(left, a_try(now, outcome))
        arrived = now if outcome == "delivered" else arrived
        if left.disabled:
            assert now - arrived >= DISABLED_AFTER
            break
        assert left.rests_until is None or left.rests_until <= now + timedelta(minutes=30)
