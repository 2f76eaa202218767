"""The command `endpoints preview`: what an endpoint would get, without sending it."""

from __future__ import annotations

import json as jsonlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feeds import payload
from feeds.samples import sample
from rules import Match
from store import Bundle, Published, delivery_id
from store.database import Database
from store.nouns import told_outlets
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import err, out, write_json
from watcher.desk import DeskState, find_desk, read_desk
from watcher.models import did_you_mean

_EVENTS = (*payload.EVENTS, "digest")
_MATCHES = ("match.created", "match.updated", "digest")
_SHOWN = 5


def preview(given: Path | None, name: str, event: str, match: str | None, *, json: bool) -> None:
    """Write what the endpoint *name* would get of an event, from the latest matches that it would have."""
    state = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ)
    endpoint = state.endpoints.get(name)
    if endpoint is None:
        hint = did_you_mean(name, state.endpoints)
        raise UsageError(f"there is no endpoint `{name}`; {hint or 'tocsin.toml has none'}")
    if event not in _EVENTS:
        raise UsageError(f"there is no event `{event}`; {did_you_mean(event, _EVENTS)}")
    if match and event not in _MATCHES:
        raise UsageError(f"--match goes with {' or '.join(_MATCHES)}, not with `{event}`")
    told, real = _event(state, name, event, match)
    body = jsonlib.dumps(told, ensure_ascii=False).encode()
    if endpoint.kind != "channel":
        if json:
            write_json({"endpoint": name, "kind": endpoint.kind, "real": real, "body": told})
        else:
            out().print(jsonlib.dumps(told, ensure_ascii=False, indent=2), markup=False)
        return
    from feeds.services import rendered

    text, channel = rendered(endpoint.url, body, endpoint.templates)
    if json:
        write_json(
            {
                "endpoint": name,
                "kind": endpoint.kind,
                "real": real,
                "service": channel.service,
                "address": channel.shown,
                "format": text.format,
                "title": text.title,
                "body": text.body,
                "problem": text.problem or None,
            }
        )
        return
    err().print(f"{channel.service}, {channel.shown}, {text.format}", markup=False)
    if text.problem:
        err().print(f"the template was not used: {text.problem}", markup=False)
    out().print(text.title, markup=False, style="bold", soft_wrap=True)
    out().print(text.body, markup=False, soft_wrap=True)


def _event(
    state: DeskState, endpoint: str, event: str, match: str | None
) -> tuple[Mapping[str, Any], bool]:
    """Return the event, and whether it is made of what the store has."""
    now, base_url = utc_now(), state.settings.site.base_url
    found = _matches(state, endpoint, match) if event in _MATCHES else ()
    if not found:
        return sample(event, now, base_url), False
    if event != "digest":
        return _of_match(state, event, found[0]), True
    members = tuple(
        (delivery_id("match.created", one.id, endpoint), _of_match(state, "match.created", one))
        for one in reversed(found)
    )
    since = min(one.matched_at for one in found)
    bundle = Bundle(endpoint=endpoint, why="digest", since=since, at=now, members=members)
    return payload.digest(bundle, base_url=base_url), True


def _matches(state: DeskState, endpoint: str, match: str | None) -> tuple[Published, ...]:
    """Return the match that was asked for, or the latest of the rules that notify *endpoint*."""
    database = Database.open(state.settings.store_url)
    try:
        if match is not None:
            found = database.publication(match)
            if found is None or found.rule not in state.book.rules.rules:
                raise UsageError(
                    f"there is no match `{match}`; its page's address ends with its id"
                )
            return (found,)
        rules = state.book.rules.rules.values()
        mine = [rule.id for rule in rules if endpoint in rule.notify]
        return database.published(mine, _SHOWN)
    finally:
        database.close()


def _of_match(state: DeskState, event: str, found: Published) -> Mapping[str, Any]:
    render = payload.match_updated if event == "match.updated" else payload.match_created
    said = payload.Found(
        rule=state.book.rules.rules[found.rule],
        match=Match(rule=found.rule, version=found.version, because=found.because),
        entry=found.entry,
        entry_id=found.entry_id,
        match_id=found.id,
        seen=found.seen_at,
    )
    told = render(said, now=found.matched_at, base_url=state.settings.site.base_url)
    added = {"seq": found.seq, "outlets": told_outlets(found.outlets)}
    return {**told, "data": {**told["data"], **added}}
