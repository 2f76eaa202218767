"""Decides what endpoints are told of the desk itself: that one was disabled, that it is alive. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from feeds import payload
from store import Owed, delivery_id
from watcher.decide import Desk


def of_disabled(desk: Desk, endpoint: str, reason: str, now: datetime) -> tuple[Owed, ...]:
    """Return what the others are owed that want to hear of an endpoint's end."""
    body = payload.endpoint_disabled(
        endpoint=endpoint, reason=reason, now=now, base_url=desk.base_url
    )
    others = (name for name in desk.subscribers("endpoint.disabled") if name != endpoint)
    return _owed("endpoint.disabled", f"{endpoint} {now.isoformat()}", body, *others)


def of_day(
    desk: Desk, *, sources: int, failing: int, matches: int, now: datetime
) -> tuple[Owed, ...]:
    """Return what is owed once a day (UTC) to those who would take silence for no news.

    However often this is asked on a day, it is the same delivery.
    """
    body = payload.heartbeat(
        sources=sources, failing=failing, matches=matches, now=now, base_url=desk.base_url
    )
    return _owed("heartbeat", now.date().isoformat(), body, *desk.subscribers("heartbeat"))


def _owed(event: str, subject: str, body: Mapping[str, object], *names: str) -> tuple[Owed, ...]:
    return tuple(
        Owed(id=delivery_id(event, subject, name), endpoint=name, event=event, payload=body)
        for name in names
    )
