"""The commands that send something now, and wait for its outcome: redeliver, replay, test."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from feeds import payload
from store import Delivery, DeliveryState, Owed, delivery_id
from watcher.app import App, opened
from watcher.clock import utc_now
from watcher.commands.deliveries import as_json, check_endpoint, known, log_as_json, state_of
from watcher.commands.errors import UsageError
from watcher.commands.output import out, write_json
from watcher.commands.since import since as since_of
from watcher.desk import find_desk
from watcher.logs import set_up_logs
from watcher.models import did_you_mean

_PATIENCE = 25.0
_BEAT = 0.1


def redeliver(given: Path | None, identity: str, *, json: bool) -> None:
    """Send a delivery again now, with the same id and bytes; exit 1 when it is not accepted."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    delivery = asyncio.run(_redeliver(folder, identity))
    if json:
        write_json({**as_json(delivery), **log_as_json(delivery)})
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
    begin, wanted = since_of(since, utc_now()), state_of(state)
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
        check_endpoint(app.database, endpoint)
        count = app.database.replay(since, utc_now(), endpoint=endpoint, state=state)
        if not app.database.is_ours_alone:
            return count, None
        names = app.database.due_endpoints(utc_now())
        return count, sum(await asyncio.gather(*map(app.drainer.drain, names)))


async def _redeliver(folder: Path, identity: str) -> Delivery:
    async with opened(folder, os.environ) as app:
        delivery = known(app.database.redeliver(identity, utc_now()), identity)
        if delivery.endpoint not in app.state.endpoints:
            raise UsageError(f"the endpoint `{delivery.endpoint}` is not in tocsin.toml any more")
        return await sent(app, delivery)


def test(given: Path | None, name: str, *, json: bool) -> None:
    """Send a signed test delivery now; exit 1 when it is not accepted."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    delivery = asyncio.run(_test(folder, name))
    last = delivery.log[-1] if delivery.log else None
    accepted = delivery.state == "delivered"
    reason = (last.error or last.response) if last else "nothing was sent: it is disabled"
    if json:
        status = last.status if last else None
        write_json({"ok": accepted, "id": delivery.id, "status": status, "answer": reason})
    else:
        verb = "accepted" if accepted else "did not accept"
        out().print(f"{name} {verb} {delivery.id}: {escape(reason.splitlines()[0])}")
    if not accepted:
        sys.exit(1)


async def _test(folder: Path, name: str) -> Delivery:
    async with opened(folder, os.environ) as app:
        if name not in app.state.endpoints:
            hint = did_you_mean(name, app.state.endpoints)
            raise UsageError(f"there is no endpoint `{name}`; {hint or 'tocsin.toml has none'}")
        now = utc_now()
        base_url = app.state.settings.site.base_url
        owed = Owed(
            id=delivery_id("endpoint.test", secrets.token_hex(16), name),
            endpoint=name,
            event="endpoint.test",
            payload=payload.endpoint_test(endpoint=name, now=now, base_url=base_url),
        )
        (delivery,) = app.database.owe([owed], now)
        return await sent(app, delivery)


async def sent(app: App, delivery: Delivery) -> Delivery:
    """Return *delivery* after its next try, by us or by the desk that is running meanwhile.

    A delivery that is held is not tried.
    """
    tries = len(delivery.log)
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    await app.drainer.drain(delivery.endpoint)
    while asyncio.get_running_loop().time() < deadline:
        found = app.database.delivery(delivery.id) or delivery
        if len(found.log) > tries or found.state == "held":
            return found
        await asyncio.sleep(_BEAT)
    return delivery
