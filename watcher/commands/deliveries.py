"""The commands about deliveries: list, show, redeliver, replay."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Any, get_args

from rich.markup import escape

from store import Delivery, DeliveryState
from store.database import Database
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_table
from watcher.commands.reading import reading
from watcher.commands.since import since as since_of
from watcher.models import did_you_mean

_TO_COME = ("due", "waiting")
_WAITS = {
    "digest": "waits for the next digest",
    "quiet": "waits for the end of the quiet hours",
    "at_most": "waits until its endpoint may be told again",
}


def show_all(
    given: Path | None,
    endpoint: str | None,
    state: str | None,
    since: str | None,
    limit: int,
    *,
    json: bool,
) -> None:
    """Write the latest deliveries, newest first."""
    wanted = state_of(state)
    begin = since_of(since, utc_now()) if since is not None else None
    with reading(given) as database:
        check_endpoint(database, endpoint)
        found = database.deliveries(endpoint=endpoint, state=wanted, since=begin, limit=limit)
    if json:
        write_json([as_json(delivery) for delivery in found])
        return
    rows = [
        (
            one.id,
            one.endpoint,
            one.event,
            one.state,
            str(one.attempts),
            moment(_when(one)),
            one.error or _waits(one),
        )
        for one in found
    ]
    headings = ("id", "endpoint", "type", "state", "tries", "arrived or due", "")
    write_table(headings, rows, empty="There are no deliveries.")


def state_of(written: str | None) -> DeliveryState | None:
    """Return the state that was *written*, if one was; refuse what is none."""
    states: tuple[DeliveryState, ...] = get_args(DeliveryState)
    if written is None:
        return None
    for state in states:
        if state == written:
            return state
    raise UsageError(f"there is no state `{written}`; there are: {', '.join(states)}")


def check_endpoint(database: Database, endpoint: str | None) -> None:
    """Refuse the name of an endpoint that there is not."""
    names = [one.name for one in database.endpoints()]
    if endpoint is not None and endpoint not in names:
        hint = did_you_mean(endpoint, names) or "see: tocsin endpoints list"
        raise UsageError(f"there is no endpoint `{endpoint}`; {hint}")


def _when(delivery: Delivery) -> Any:
    return delivery.delivered_at or (delivery.due if delivery.state in _TO_COME else None)


def _waits(delivery: Delivery) -> str:
    """Return what a delivery waits for, or what told of it, or nothing."""
    match delivery.state:
        case "bundled":
            return f"told in {delivery.bundle}"
        case "spared":
            return "its rule asks for more sources"
        case "waiting":
            return _WAITS.get(
                delivery.why, f"waits for the end of {delivery.why.replace(':', ' ')}"
            )
        case _:
            return ""


def show(given: Path | None, identity: str, *, json: bool) -> None:
    """Write one delivery: its payload and every try."""
    with reading(given) as database:
        delivery = known(database.delivery(identity), identity)
    if json:
        write_json(
            {**as_json(delivery), "payload": jsonlib.loads(delivery.body), **log_as_json(delivery)}
        )
        return
    out().print(f"[bold]{delivery.id}[/] {delivery.event} to {escape(delivery.endpoint)}")
    until = f" at {moment(_when(delivery))}" if _when(delivery) else ""
    words = f" ({_waits(delivery)})" if _waits(delivery) else ""
    out().print(f"{delivery.state}{until}{words}; stored {moment(delivery.created_at)}")
    rows = [
        (
            str(attempt.number),
            moment(attempt.at),
            f"{attempt.took.total_seconds():.2f} s",
            str(attempt.status or "–"),
            "\n".join(filter(None, (attempt.error, attempt.response))),
        )
        for attempt in delivery.log
    ]
    write_table(("try", "at", "took", "status", ""), rows, empty="Not tried yet.")
    out().print(delivery.body.decode(), markup=False, soft_wrap=True)


def known(delivery: Delivery | None, identity: str) -> Delivery:
    """Return *delivery*, or refuse the id of none."""
    if delivery is None:
        raise UsageError(f"there is no delivery `{identity}`; see: tocsin deliveries list")
    return delivery


def as_json(delivery: Delivery) -> dict[str, object]:
    """Return a delivery for programs."""
    return {
        "id": delivery.id,
        "endpoint": delivery.endpoint,
        "type": delivery.event,
        "match": delivery.match or None,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created": delivery.created_at,
        "due": delivery.due if delivery.state in _TO_COME else None,
        "delivered": delivery.delivered_at,
        "error": delivery.error,
        "why": delivery.why or None,
        "bundle": delivery.bundle or None,
    }


def log_as_json(delivery: Delivery) -> dict[str, object]:
    """Return the tries of a delivery for programs."""
    return {
        "log": [
            {
                "number": attempt.number,
                "at": attempt.at,
                "seconds": attempt.took.total_seconds(),
                "status": attempt.status,
                "error": attempt.error,
                "response": attempt.response,
            }
            for attempt in delivery.log
        ]
    }
