"""The commands about endpoints: list, test, enable, new-secret."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path

from rich.markup import escape

from feeds import payload
from feeds.webhooks import new_secret as made
from store import Delivery, Endpoint, Owed, delivery_id
from watcher.app import opened, utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_line, write_table
from watcher.commands.reading import reading
from watcher.commands.sending import sent
from watcher.desk import find_desk
from watcher.logs import set_up_logs
from watcher.models import did_you_mean


def show(given: Path | None, *, json: bool) -> None:
    """Write each endpoint and what it is owed."""
    with reading(given) as database:
        endpoints = database.endpoints()
    if json:
        write_json([_as_json(endpoint) for endpoint in endpoints])
        return
    rows = [
        (
            one.name,
            f"disabled: {one.disabled}" if one.disabled else _state(one),
            str(one.delivered),
            str(one.due),
            str(one.held),
            str(one.failed),
            moment(one.succeeded_at),
        )
        for one in endpoints
    ]
    headings = ("endpoint", "state", "delivered", "due", "held", "failed", "last arrival")
    write_table(headings, rows, empty="There are no endpoints; describe one in tocsin.toml.")


def _state(endpoint: Endpoint) -> str:
    if endpoint.failures:
        return f"failing since {moment(endpoint.failing_since)}, tries: {endpoint.failures}"
    return "well" if endpoint.succeeded_at else "nothing sent yet"


def _as_json(endpoint: Endpoint) -> dict[str, object]:
    return {
        "name": endpoint.name,
        "disabled": endpoint.disabled,
        "failures": endpoint.failures,
        "failing_since": endpoint.failing_since,
        "succeeded": endpoint.succeeded_at,
        "delivered": endpoint.delivered,
        "due": endpoint.due,
        "held": endpoint.held,
        "failed": endpoint.failed,
    }


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


def enable(given: Path | None, name: str, *, json: bool) -> None:
    """Enable a disabled endpoint; what was held for it is due at once."""
    with reading(given) as database:
        due = database.enable_endpoint(name, utc_now())
        names = [endpoint.name for endpoint in database.endpoints()]
    if due is None:
        raise UsageError(f"there is no endpoint `{name}`; {did_you_mean(name, names)}")
    if json:
        write_json({"endpoint": name, "due": due})
    else:
        out().print(f"{name} is enabled; {due} held deliveries are due now")


def new_secret() -> None:
    """Write a new signing secret to standard output."""
    write_line(made())
