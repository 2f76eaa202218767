"""The commands about deliveries: list, show, redeliver, replay."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from rich.markup import escape

from store import Delivery, DeliveryState
from store.database import Database
from watcher.app import opened, utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_table
from watcher.commands.reading import reading
from watcher.commands.sending import sent
from watcher.commands.since import since as since_of
from watcher.desk import find_desk
from watcher.logs import set_up_logs
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
    wanted = _state(state)
    begin = since_of(since, utc_now()) if since is not None else None
    with reading(given) as database:
        _check_endpoint(database, endpoint)
        found = database.deliveries(endpoint=endpoint, state=wanted, since=begin, limit=limit)
    if json:
        write_json([_as_json(delivery) for delivery in found])
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


def _state(written: str | None) -> DeliveryState | None:
    states: tuple[DeliveryState, ...] = get_args(DeliveryState)
    if written is None:
        return None
    for state in states:
        if state == written:
            return state
    raise UsageError(f"there is no state `{written}`; there are: {', '.join(states)}")


def _check_endpoint(database: Database, endpoint: str | None) -> None:
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
        delivery = _known(database.delivery(identity), identity)
    if json:
        write_json(
            {**_as_json(delivery), "payload": jsonlib.loads(delivery.body), **_log(delivery)}
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
            attempt.error or attempt.response,
        )
        for attempt in delivery.log
    ]
    write_table(("try", "at", "took", "status", ""), rows, empty="Not tried yet.")
    out().print(delivery.body.decode(), markup=False, soft_wrap=True)


def redeliver(given: Path | None, identity: str, *, json: bool) -> None:
    """Send a delivery again now, with the same id and bytes; exit 1 when it is not accepted."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    delivery = asyncio.run(_redeliver(folder, identity))
    if json:
        write_json({**_as_json(delivery), **_log(delivery)})
    else:
        last = delivery.log[-1] if delivery.log else None
        reason = (last.error or last.response) if last else "it is held: the endpoint is disabled"
        out().print(f"{delivery.id}: {delivery.state}; {escape(reason.splitlines()[0])}")
    if delivery.state != "delivered":
        sys.exit(1)


def replay(
    given: Path | None, since: str, endpoint: str | None, state: str | None, *, json: bool
) -> None:
    """Make all deliveries since then due again, the same ids and bytes.

    Where a desk runs, that desk sends them, for the rate is counted in one process.
    """
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    begin, wanted = since_of(since, utc_now()), _state(state)
    count, arrived = asyncio.run(_replay(folder, begin, endpoint, wanted))
    if json:
        write_json({"due": count, "delivered": arrived})
    elif arrived is None:
        out().print(f"{count} deliveries are due again; the desk that runs sends them")
    else:
        out().print(f"{count} deliveries were due again; {arrived} arrived")


async def _replay(
    folder: Path, since: datetime, endpoint: str | None, state: DeliveryState | None
) -> tuple[int, int | None]:
    async with opened(folder, os.environ) as app:
        _check_endpoint(app.database, endpoint)
        count = app.database.replay(since, utc_now(), endpoint=endpoint, state=state)
        if not app.database.is_ours_alone:
            return count, None
        names = app.database.due_endpoints(utc_now())
        return count, sum(await asyncio.gather(*map(app.drainer.drain, names)))


async def _redeliver(folder: Path, identity: str) -> Delivery:
    async with opened(folder, os.environ) as app:
        delivery = _known(app.database.redeliver(identity, utc_now()), identity)
        if delivery.endpoint not in app.state.endpoints:
            raise UsageError(f"the endpoint `{delivery.endpoint}` is not in tocsin.toml any more")
        return await sent(app, delivery)


def _known(delivery: Delivery | None, identity: str) -> Delivery:
    if delivery is None:
        raise UsageError(f"there is no delivery `{identity}`; see: tocsin deliveries list")
    return delivery


def _as_json(delivery: Delivery) -> dict[str, object]:
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


def _log(delivery: Delivery) -> dict[str, object]:
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
