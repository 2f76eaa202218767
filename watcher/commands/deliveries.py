"""The commands about deliveries: list, show, redeliver."""

from __future__ import annotations

import asyncio
import json as jsonlib
import os
import sys
from pathlib import Path
from typing import Any, get_args

from rich.markup import escape

from store import Delivery, DeliveryState
from watcher.app import opened, utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_table
from watcher.commands.reading import reading
from watcher.commands.sending import sent
from watcher.desk import find_desk
from watcher.logs import set_up_logs


def show_all(
    given: Path | None, endpoint: str | None, state: str | None, limit: int, *, json: bool
) -> None:
    """Write the latest deliveries, newest first."""
    states: Any = get_args(DeliveryState)
    if state is not None and state not in states:
        raise UsageError(f"there is no state `{state}`; there are: {', '.join(states)}")
    wanted: Any = state
    with reading(given) as database:
        if endpoint is not None and endpoint not in {one.name for one in database.endpoints()}:
            raise UsageError(f"there is no endpoint `{endpoint}`; see: tocsin endpoints list")
        found = database.deliveries(endpoint=endpoint, state=wanted, limit=limit)
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
            one.error,
        )
        for one in found
    ]
    headings = ("id", "endpoint", "type", "state", "tries", "arrived or due", "")
    write_table(headings, rows, empty="There are no deliveries.")


def _when(delivery: Delivery) -> Any:
    return delivery.delivered_at or (delivery.due if delivery.state == "due" else None)


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
    out().print(f"{delivery.state}{until}; stored {moment(delivery.created_at)}")
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
        "due": delivery.due if delivery.state == "due" else None,
        "delivered": delivery.delivered_at,
        "error": delivery.error,
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
