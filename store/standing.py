"""What a try leaves an endpoint as: whether it is left alone for a while, or for good. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from store.nouns import Endpoint, Tried

BREAKS_AT = 10
"""After so many failures in a row an endpoint gets one try at a time, to see whether it is back."""

PROBES = (timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30))
"""How long such an endpoint is left alone before each of those tries: the schedule's own steps up
to half an hour, for longer ones would keep what it is owed from an endpoint that is back."""

DISABLED_AFTER = timedelta(days=5)
GONE = "it answered 410 Gone"


def is_broken(endpoint: Endpoint) -> bool:
    """Tell whether *endpoint* failed so often that it is only probed."""
    return endpoint.failures >= BREAKS_AT


def after(endpoint: Endpoint, tried: Tried) -> Endpoint:
    """Return *endpoint* as a try leaves it.

    An arrival makes it well. Failures lengthen the time for which it is left alone;
    410, or five days without an arrival, disable it. What was under way when it began
    to be left alone tells nothing new.
    """
    at = tried.attempt.at
    if tried.outcome in ("retry", "failed") and at < _left_alone_at(endpoint, at):
        return endpoint
    if tried.outcome == "delivered":
        return replace(endpoint, failures=0, failing_since=None, rests_until=None, succeeded_at=at)
    failures = endpoint.failures + 1
    since = min(endpoint.failing_since or at, at)
    disabled = endpoint.disabled
    if tried.outcome == "gone":
        disabled = disabled or GONE
    elif at - since >= DISABLED_AFTER:
        disabled = disabled or f"nothing arrived for {DISABLED_AFTER.days} days"
    return replace(
        endpoint,
        failures=failures,
        failing_since=since,
        rests_until=_rests_until(failures, at + tried.attempt.took),
        disabled=disabled,
    )


def _rests_until(failures: int, now: datetime) -> datetime | None:
    return now + _probe(failures) if failures >= BREAKS_AT else None


def _left_alone_at(endpoint: Endpoint, otherwise: datetime) -> datetime:
    until = endpoint.rests_until
    return until - _probe(endpoint.failures) if until and is_broken(endpoint) else otherwise


def _probe(failures: int) -> timedelta:
    return PROBES[min(failures - BREAKS_AT, len(PROBES) - 1)]
