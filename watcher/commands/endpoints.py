"""The commands about endpoints: list, enable, rotate-secret, new-secret."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from pydantic_core import PydanticCustomError
from rich.markup import escape

from feeds.signing import new_secret as made
from store import Endpoint
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_line, write_table
from watcher.commands.reading import reading
from watcher.desk import find_desk, read_desk, shown
from watcher.keys import parsed, replace_file
from watcher.models import did_you_mean, duration


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
            str(one.waiting),
            str(one.held),
            str(one.failed),
            moment(one.succeeded_at),
        )
        for one in endpoints
    ]
    headings = (
        "endpoint",
        "state",
        "delivered",
        "due",
        "waiting",
        "held",
        "failed",
        "last arrival",
    )
    write_table(headings, rows, empty="There are no endpoints; describe one in tocsin.toml.")


def _state(endpoint: Endpoint) -> str:
    if endpoint.rests_until and endpoint.rests_until > utc_now():
        since, again = moment(endpoint.failing_since), moment(endpoint.rests_until)
        return f"failing since {since}, tried again at {again}"
    if endpoint.failures:
        return f"failing since {moment(endpoint.failing_since)}, tries: {endpoint.failures}"
    return "well" if endpoint.succeeded_at else "nothing sent yet"


def _as_json(endpoint: Endpoint) -> dict[str, object]:
    return {
        "name": endpoint.name,
        "disabled": endpoint.disabled,
        "failures": endpoint.failures,
        "failing_since": endpoint.failing_since,
        "rests_until": endpoint.rests_until,
        "succeeded": endpoint.succeeded_at,
        "delivered": endpoint.delivered,
        "due": endpoint.due,
        "waiting": endpoint.waiting,
        "held": endpoint.held,
        "failed": endpoint.failed,
    }


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


def rotate_secret(given: Path | None, name: str, overlap: str, *, json: bool) -> None:
    """Put a new secret into the endpoint's file; the old one signs beside it for *overlap*."""
    length = _overlap(overlap)
    state = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ)
    if name not in state.endpoints:
        hint = did_you_mean(name, state.endpoints)
        raise UsageError(f"there is no endpoint `{name}`; {hint or 'tocsin.toml has none'}")
    reference = state.settings.values.endpoints[name].secret
    if reference is None:
        raise UsageError(f"`{name}` is a channel: nothing is signed for it")
    if reference.env:
        _told_what_to_do(name, reference.env, json=json)
        return
    until = utc_now() + length
    path = state.folder / reference.file
    try:
        keys = parsed(path.read_text("utf-8"))
        replace_file(path, keys.rotated(made(), utc_now(), until))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"the secret file {shown(path)} cannot be replaced: {reason}") from error
    if json:
        write_json({"endpoint": name, "rotated": True, "file": str(path), "until": until})
        return
    out().print(
        f"{name} has a new secret, the first line of {escape(shown(path))}. Give it to the receiver "
        f"before {moment(until)}: until then the old one signs too. A running desk takes it at once."
    )


def _overlap(written: str) -> timedelta:
    if written.strip() in ("0", "0s"):
        return timedelta()
    try:
        return duration(written)
    except PydanticCustomError as error:
        hint = (error.context or {}).get("hint", "")
        raise UsageError(f"--overlap {written}: {error.message()}; {hint}") from error


def _told_what_to_do(name: str, variable: str, *, json: bool) -> None:
    """Write what only the operator can do: nobody changes the environment of another process."""
    secret, old = made(), f"{variable}_OLD"
    if json:
        write_json({"endpoint": name, "rotated": False, "variable": variable, "secret": secret})
        return
    out().print(
        f"The secret of {name} stands in the environment, which you alone can change:\n"
        f"  1. keep the old one: {old} = what {variable} holds now\n"
        f"  2. set the new one:  {variable} = {secret}\n"
        f'  3. in tocsin.toml, below \\[endpoints.{name}]: previous = {{env = "{old}"}}\n'
        f"  4. restart tocsin; both sign now. When the receiver has the new one, undo 3 and 1.",
        soft_wrap=True,
    )


def new_secret() -> None:
    """Write a new signing secret to standard output."""
    write_line(made())
