"""Events as they might happen, for checks of templates and for previews of a desk without matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from feeds import payload
from rules import Because, Entry, Match, Rule
from rules.language import parse_query
from store import Source, SourceSpec, entry_id, match_id
from store.nouns import Bundle

_RULE = Rule(
    id="law-32108",
    title="Peru: Law 32108",
    query="law:32108",
    tree=parse_query("law:32108"),
)
_FULL = Entry(
    key="1",
    source="andina",
    url="https://news.example/law-32108",
    title="Congress debates Law 32108 again",
    summary="The plenary session resumed on Tuesday.",
    text="Deputies want to scrap Law 32108 before the year ends.",
    authors=("A. Writer",),
    lang="en",
    published=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
)
_BARE = Entry(key="2", source="articles", text="Law 32108")
_PLACE = Because(
    term="law:32108",
    field="text",
    start=23,
    end=32,
    quote="Law 32108",
    before="Deputies want to scrap ",
    after=" before the year ends.",
)


def sample(event: str, now: datetime, base_url: str) -> Mapping[str, Any]:
    """Return what a delivery of *event* might say; raise KeyError for an event without a sample."""
    return samples(event, now, base_url)[0]


def samples(event: str, now: datetime, base_url: str) -> Sequence[Mapping[str, Any]]:
    """Return what deliveries of *event* might say: with all that there may be, and with little."""
    matches = [_match(event, entry, now, base_url) for entry in (_FULL, _BARE)]
    source = Source(
        spec=SourceSpec(name="andina", kind="feed", address="https://andina.example/rss.xml"),
        added_at=now,
        next_poll_at=now,
        failures=2,
    )
    match event:
        case "match.created" | "match.updated":
            return matches
        case "source.failing":
            error = "it answered 404 Not Found"
            return [
                payload.source_failing(
                    source=source, error=error, failures=2, now=now, base_url=base_url
                )
            ]
        case "source.recovered":
            return [payload.source_recovered(source=source, now=now, base_url=base_url)]
        case "endpoint.test":
            return [payload.endpoint_test(endpoint="newsroom", now=now, base_url=base_url)]
        case "endpoint.disabled":
            reason = "it answered 410 Gone"
            return [
                payload.endpoint_disabled(
                    endpoint="union", reason=reason, now=now, base_url=base_url
                )
            ]
        case "heartbeat":
            return [payload.heartbeat(sources=12, failing=1, matches=3, now=now, base_url=base_url)]
        case "digest":
            return [_digest(members, now, base_url) for members in (matches, matches[:1], [])]
    raise KeyError(event)


def _digest(
    members: Sequence[Mapping[str, Any]], now: datetime, base_url: str
) -> Mapping[str, Any]:
    bundle = Bundle(
        endpoint="newsroom",
        why="digest",
        since=now,
        at=now,
        members=tuple((f"msg_{number}", member) for number, member in enumerate(members)),
    )
    return payload.digest(bundle, base_url=base_url)


def _match(event: str, entry: Entry, now: datetime, base_url: str) -> Mapping[str, Any]:
    identity = entry_id(entry.source, entry.key)
    render = payload.match_updated if event == "match.updated" else payload.match_created
    found = payload.Found(
        rule=_RULE,
        match=Match(rule=_RULE.id, version=_RULE.version, because=(_PLACE,)),
        entry=entry,
        entry_id=identity,
        match_id=match_id(_RULE.id, identity),
        seen=now,
    )
    said = render(found, now=now, base_url=base_url)
    return {**said, "data": {**said["data"], "seq": 1}}
