"""The commands about silences: make one, list them, end one."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic_core import PydanticCustomError
from rich.markup import escape

from store import Silence
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_table
from watcher.commands.reading import reading
from watcher.desk import find_desk, read_desk
from watcher.models import did_you_mean, duration

_LONGEST = timedelta(days=366)


def silence(given: Path | None, name: str, until: str, rule: str, why: str, *, json: bool) -> None:
    """Silence an endpoint until then; what it is not told is summed up at the end."""
    now = utc_now()
    end = _instant(until, now)
    if not now < end <= now + _LONGEST:
        raise UsageError("--until lies in the past, or more than a year ahead")
    if not why.strip():
        raise UsageError("--why says for the others why it is silent")
    if rule:
        rules = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ).book.rules.rules
        if rule not in rules:
            raise UsageError(f"there is no rule `{rule}`; {did_you_mean(rule, rules)}")
    with reading(given) as database:
        made = database.silence(name, rule, why.strip(), now, end)
        names = [endpoint.name for endpoint in database.endpoints()]
    if made is None:
        hint = did_you_mean(name, names) or "tocsin.toml has none"
        raise UsageError(f"there is no endpoint `{name}`; {hint}")
    if json:
        write_json(_as_json(made, now))
        return
    about = f" of {rule}" if rule else ""
    out().print(
        f"{name} hears nothing{escape(about)} before {moment(made.until)} UTC;"
        f" end it earlier with: tocsin silences end {made.id}"
    )


def _instant(written: str, now: datetime) -> datetime:
    """Return the instant that *written* names: a length of time from now, or a date in UTC or its zone."""
    try:
        return now + duration(written)
    except PydanticCustomError:
        pass
    try:
        instant = datetime.fromisoformat(written)
    except ValueError as error:
        hint = "write a length of time (2h, 3d) or an instant (2026-11-25T07:00-05:00)"
        raise UsageError(f"{written!r} is no end; {hint}") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def show(given: Path | None, *, json: bool) -> None:
    """Write every silence, the latest first."""
    now = utc_now()
    with reading(given) as database:
        found = database.silences()
    if json:
        write_json([_as_json(one, now) for one in found])
        return
    rows = [
        (
            one.id,
            one.endpoint,
            one.rule or "all rules",
            "in force" if one.is_in_force(now) else "over",
            moment(one.ended_at or one.until),
            str(one.count),
            one.reason,
        )
        for one in found
    ]
    headings = ("id", "endpoint", "rule", "state", "until", "held back", "why")
    write_table(headings, rows, empty="Nothing was silenced.")


def end(given: Path | None, identity: str, *, json: bool) -> None:
    """End a silence now; what it held back is summed up at once."""
    now = utc_now()
    with reading(given) as database:
        ended = database.end_silence(identity, now)
    if ended is None:
        raise UsageError(f"there is no silence `{identity}`; see: tocsin silences list")
    if json:
        write_json(_as_json(ended, now))
    elif ended.ended_at == now:
        out().print(f"{ended.endpoint} is told again; {ended.count} held back are summed up now")
    else:
        out().print(f"it is over since {moment(ended.ended_at or ended.until)}")


def _as_json(one: Silence, now: datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "endpoint": one.endpoint,
        "rule": one.rule or None,
        "why": one.reason,
        "since": one.since,
        "until": one.until,
        "ended": one.ended_at,
        "in_force": one.is_in_force(now),
        "count": one.count,
    }
