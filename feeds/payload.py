"""Writes the JSON objects that endpoints get: one function for each type of event.

The bodies are those of Standard Webhooks 1.0.0 (`type`, `timestamp`, `data`), as
plain values in the order in which they are sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from store import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from feeds.difference import Change
    from rules import Because, Entry, Match, Rule
    from store import Bundle, Source

EVENTS = (
    "match.created",
    "match.updated",
    "source.failing",
    "source.recovered",
    "endpoint.disabled",
    "endpoint.test",
    "heartbeat",
)
"""The types of events that an endpoint may ask for."""

MOST_PLACES = 50
LONGEST_SUMMARY = 1000
LONGEST_TEXT = 300
"""Characters of a title, a quote or a context. These bounds keep a payload to some 20 KB; the
whole article stands behind its links."""
MOST_AUTHORS = 20
LARGEST_DIGEST = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A match of *rule* on *entry*, which was *seen* first then, with the ids that both are stored by."""

    rule: Rule
    match: Match
    entry: Entry
    entry_id: str
    match_id: str
    seen: datetime


def match_created(found: Found, *, now: datetime, base_url: str) -> dict[str, Any]:
    """Return the payload that tells of a new match.

    The store fills in what it alone knows: `data.seq` and `data.outlets`.
    """
    return _event("match.created", now, _match(found, base_url))


def match_updated(
    found: Found,
    *,
    now: datetime,
    base_url: str,
    lost: bool = False,
    changes: Sequence[Change] = (),
) -> dict[str, Any]:
    """Return the payload that tells of an edit to an entry that had matched.

    It is that of match_created with `data.lost`, which says that the entry's
    present text does not match any more, and `data.changes`, what was edited.
    """
    edits = [_change(change) for change in changes[:MOST_PLACES]]
    data = {**_match(found, base_url), "lost": lost, "changes": edits}
    return _event("match.updated", now, data)


def endpoint_test(*, endpoint: str, now: datetime, base_url: str) -> dict[str, Any]:
    """Return the payload that tries whether *endpoint* listens and verifies."""
    data = {"endpoint": endpoint, "links": {"home": f"{base_url.rstrip('/')}/"}}
    return _event("endpoint.test", now, data)


def source_failing(
    *, source: Source, error: str, failures: int, now: datetime, base_url: str
) -> dict[str, Any]:
    """Return the payload that tells what is wrong with *source*.

    It could not be read *failures* times in a row; or, where that is 0, it can
    be read, but something about it wants a look.
    """
    data = {
        "source": _source(source),
        "error": _cut(error),
        "failures": failures,
        "links": _source_links(base_url),
    }
    return _event("source.failing", now, data)


def source_recovered(*, source: Source, now: datetime, base_url: str) -> dict[str, Any]:
    """Return the payload that tells that *source*, as it stood before, can be read again."""
    data = {
        "source": _source(source),
        "failures": source.failures,
        "links": _source_links(base_url),
    }
    return _event("source.recovered", now, data)


def digest(bundle: Bundle, *, base_url: str) -> dict[str, Any]:
    """Return the payload that tells of all that waited in *bundle*, oldest first.

    Each event is as it would have come alone, with its id. From some hundred kilobytes
    on, matches are without summary, places and outlets, so that a digest stays a body
    that receivers take.
    """
    events, size = [], 0
    for identity, event in bundle.members:
        told = {"id": identity, **event}
        size += len(json.dumps(told, ensure_ascii=False))
        events.append(told if size <= LARGEST_DIGEST else _brief(told))
    data: dict[str, Any] = {
        "endpoint": bundle.endpoint,
        "reason": bundle.why,
        "since": rfc3339(bundle.since),
        "count": len(events),
        "events": events,
        "links": {"home": f"{base_url.rstrip('/')}/"},
    }
    if (silence := bundle.silence) is not None:
        data["silence"] = {
            "rule": silence.rule or None,
            "why": silence.reason,
            "since": rfc3339(silence.since),
            "until": rfc3339(silence.ended_at or silence.until),
        }
    return _event("digest", bundle.at, data)


def _brief(told: Mapping[str, Any]) -> dict[str, Any]:
    data = told["data"]
    if "entry" not in data:
        return {**told}
    entry = {**data["entry"], "summary": ""}
    return {**told, "data": {**data, "entry": entry, "because": [], "outlets": []}}


def endpoint_disabled(
    *, endpoint: str, reason: str, now: datetime, base_url: str
) -> dict[str, Any]:
    """Return the payload that tells another endpoint that nothing is sent to *endpoint* any more."""
    links = {"deliveries": f"{base_url.rstrip('/')}/deliveries?endpoint={endpoint}"}
    data = {"endpoint": endpoint, "reason": _cut(reason), "links": links}
    return _event("endpoint.disabled", now, data)


def heartbeat(
    *, sources: int, failing: int, matches: int, now: datetime, base_url: str
) -> dict[str, Any]:
    """Return the payload that says each day that the desk is at work.

    *failing* of its *sources* cannot be read; *matches* were found in the last day.
    """
    data = {
        "sources": {"watched": sources, "failing": failing},
        "matches": matches,
        "links": {"home": f"{base_url.rstrip('/')}/"},
    }
    return _event("heartbeat", now, data)


def _event(kind: str, now: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "timestamp": rfc3339(now), "data": data}


def _match(found: Found, base_url: str) -> dict[str, Any]:
    base, rule, entry = base_url.rstrip("/"), found.rule, found.entry
    return {
        "seq": None,
        "rule": {"id": rule.id, "title": rule.title, "version": found.match.version},
        "entry": {
            "id": found.entry_id,
            "url": entry.url,
            "title": _cut(entry.title),
            "summary": _cut(entry.summary, LONGEST_SUMMARY),
            "source": entry.source,
            "lang": entry.lang,
            "authors": [_cut(author) for author in entry.authors[:MOST_AUTHORS]],
            "published": rfc3339(entry.published) if entry.published else None,
            "seen": rfc3339(found.seen),
            "sha256": entry.sha256,
        },
        "because": [_because(place) for place in found.match.because[:MOST_PLACES]],
        "links": {
            "match": f"{base}/matches/{found.match_id}",
            "feed": f"{base}/feeds/{rule.id}.atom",
        },
        "outlets": [],
    }


def _because(place: Because) -> dict[str, Any]:
    return {
        "term": place.term,
        "field": place.field,
        "start": place.start,
        "end": place.end,
        "quote": _cut(place.quote),
        "context": _cut(place.context),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "field": change.field,
        "before": _cut(change.before),
        "after": _cut(change.after),
        "lead": change.lead,
        "tail": change.tail,
    }


def _source(source: Source) -> dict[str, Any]:
    reached = source.succeeded_at
    return {"name": source.name, "succeeded": rfc3339(reached) if reached else None}


def _source_links(base_url: str) -> dict[str, str]:
    return {"sources": f"{base_url.rstrip('/')}/sources"}


def _cut(text: str, longest: int = LONGEST_TEXT) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
