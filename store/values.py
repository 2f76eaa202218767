"""Turns rows into the nouns that cross the border, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from rules import Because, Entry
from store.nouns import (
    INBOX,
    Attempt,
    Delivery,
    Endpoint,
    Event,
    FeedToken,
    HubRequest,
    HubSubscriber,
    Judged,
    Linked,
    Moved,
    Outlet,
    Published,
    Revision,
    Source,
    SourceSpec,
    Subscription,
    Validators,
    Wishes,
)
from store.rows import (
    AttemptRow,
    DeliveryRow,
    EndpointRow,
    EntryRow,
    EventRow,
    FeedTokenRow,
    HubRequestRow,
    HubSubscriberRow,
    MatchRow,
    RevisionRow,
    SourceRow,
    SubscriptionRow,
)

T = TypeVar("T")

_AT_ONCE = 500
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield *items* in portions that one query takes."""
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def storable(text: str) -> str:
    """Return *text* with U+FFFD for what no database takes: NUL and halves of characters.

    Offsets into the text stay right.
    """
    if "\x00" not in text:
        try:
            text.encode()  # many times as fast as looking for halves of characters
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _UNSTORABLE.sub("\ufffd", text)


def storable_tree(value: Any) -> Any:
    """Return a JSON value with every text in it storable."""
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(key): storable_tree(item) for key, item in value.items()}
        case list() | tuple():
            return [storable_tree(item) for item in value]
        case _:
            return value


def frozen(tree: Any) -> bytes:
    """Return a JSON value as the bytes that are sent."""
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


def described(spec: SourceSpec) -> dict[str, Any]:
    """Return the columns that the desk decides about."""
    since = spec.alert_since
    return {
        "kind": spec.kind,
        "address": spec.address,
        "lang": spec.lang,
        "every_seconds": int(spec.every.total_seconds()) if spec.every else None,
        "full_text": spec.full_text,
        "links": spec.links,
        "allow_private": spec.allow_private,
        "alert_since": since.isoformat() if isinstance(since, datetime) else since,
        "enabled": spec.enabled,
        "listed": True,
    }


def subscription(row: SubscriptionRow) -> Subscription:
    """Return the subscription in *row*."""
    return Subscription(**row.model_dump())


def hub_request(row: HubRequestRow) -> HubRequest:
    """Return the request in *row*."""
    columns = row.model_dump(exclude={"lease_seconds"})
    return HubRequest(**columns, lease=timedelta(seconds=row.lease_seconds))


def hub_request_columns(request: HubRequest) -> dict[str, Any]:
    """Return the columns of *request*."""
    columns = asdict(request)
    seconds = int(columns.pop("lease").total_seconds())
    return {**columns, "lease_seconds": seconds}


def hub_subscriber(row: HubSubscriberRow) -> HubSubscriber:
    """Return the subscriber in *row*."""
    return HubSubscriber(**row.model_dump(exclude={"shown"}))


def health(source: Source) -> dict[str, object]:
    """Return the columns that tell how a source was read, and what is known of its ways."""
    moved = source.moved
    return {
        "next_poll_at": source.next_poll_at,
        "polled_at": source.polled_at,
        "succeeded_at": source.succeeded_at,
        "error": storable(source.error),
        "failures": source.failures,
        "gone": source.gone,
        "etag": source.validators.etag,
        "last_modified": source.validators.last_modified,
        "body_sha256": source.validators.body_sha256,
        "moved_to": storable(moved.address) if moved else "",
        "moved_since": moved.since if moved else None,
        "moved_polls": moved.polls if moved else 0,
        "asked_whole_at": source.asked_whole_at,
        "distrusted": source.distrusted,
        "wishes": wishes_column(source.wishes),
        "empty_polls": source.empty_polls,
        "overrun_at": source.overrun_at,
        "newest_at": source.newest_at,
        "rhythm_seconds": _seconds(source.rhythm),
        "gap_seconds": _seconds(source.gap),
        "took_us": source.took // timedelta(microseconds=1) if source.took is not None else None,
    }


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def source(row: SourceRow) -> Source:
    """Return the source in *row*."""
    since: Any = row.alert_since
    if since not in ("added", "always"):
        since = datetime.fromisoformat(since)
    kind: Any = row.kind
    spec = SourceSpec(
        name=row.name,
        kind=kind,
        address=row.address,
        lang=row.lang,
        every=timedelta(seconds=row.every_seconds) if row.every_seconds else None,
        full_text=row.full_text,
        links=row.links,
        allow_private=row.allow_private,
        alert_since=since,
        enabled=row.enabled,
    )
    return Source(
        spec=spec,
        added_at=row.added_at,
        next_poll_at=row.next_poll_at,
        validators=Validators(
            etag=row.etag, last_modified=row.last_modified, body_sha256=row.body_sha256
        ),
        polled_at=row.polled_at,
        succeeded_at=row.succeeded_at,
        failures=row.failures,
        error=row.error,
        gone=row.gone,
        entries=row.entries,
        moved=Moved(address=row.moved_to, since=row.moved_since, polls=row.moved_polls)
        if row.moved_to and row.moved_since
        else None,
        asked_whole_at=row.asked_whole_at,
        distrusted=row.distrusted,
        wishes=wishes(row.wishes),
        empty_polls=row.empty_polls,
        overrun_at=row.overrun_at,
        newest_at=row.newest_at,
        rhythm=_duration(row.rhythm_seconds),
        gap=_duration(row.gap_seconds),
        took=timedelta(microseconds=row.took_us) if row.took_us is not None else None,
    )


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def wishes(column: Mapping[str, Any]) -> Wishes:
    """Return what a feed wishes, from JSON."""
    return Wishes(
        interval=timedelta(seconds=column.get("interval", 0)),
        skip_hours=tuple(column.get("skip_hours", ())),
        skip_days=tuple(column.get("skip_days", ())),
    )


def wishes_column(wishes: Wishes) -> dict[str, Any]:
    """Return what a feed wishes, as JSON."""
    return {
        "interval": wishes.interval.total_seconds(),
        "skip_hours": list(wishes.skip_hours),
        "skip_days": list(wishes.skip_days),
    }


def entry_columns(entry: Entry, link: str) -> dict[str, Any]:
    """Return the columns of an EntryRow that the source decides about."""
    return {
        "link": storable(link),
        "source": entry.source,
        "key": storable(entry.key),
        "url": storable(entry.url),
        "authors": storable_tree(entry.authors),
        "tags": storable_tree(entry.tags),
        "lang": storable(entry.lang),
        "published": entry.published,
        "updated": entry.updated,
        "sha256": entry.sha256,
        "outlet": storable(entry.outlet),
    }


def linked_columns(linked: Linked | None) -> dict[str, Any]:
    """Return the columns of an EntryRow that tell of its article."""
    return {
        "shown": linked.shown if linked else "",
        "missing": linked is not None and linked.missing,
    }


def linked(shown: str, *, missing: bool) -> Linked | None:
    """Return what came of reading the article of an entry, from those columns."""
    return Linked(shown=shown, missing=missing) if shown else None


def revision_columns(judged: Judged, number: int, at: datetime) -> dict[str, Any]:
    """Return the columns of the state that an entry's text is in."""
    entry = judged.entry
    return {
        "entry": judged.id,
        "number": number,
        "title": storable(entry.title),
        "summary": storable(entry.summary),
        "text": storable(entry.text),
        "other": storable(judged.linked.other) if judged.linked else "",
        "at": at,
    }


def revision(row: RevisionRow) -> Revision:
    """Return the revision in *row*."""
    return Revision(**row.model_dump(exclude={"entry"}))


def entry(row: EntryRow, texts: RevisionRow) -> Entry:
    """Return the entry in *row* with the texts of that revision."""
    return Entry(
        key=row.key,
        source=row.source,
        url=row.url,
        title=texts.title,
        summary=texts.summary,
        text=texts.text,
        authors=tuple(row.authors),
        tags=tuple(row.tags),
        lang=row.lang,
        published=row.published,
        updated=row.updated,
        outlet=row.outlet,
    )


def outlet(row: EntryRow, title: str, address: str, at: datetime) -> Outlet:
    """Return where else a story stands: in the entry of *row*, whose source has this *address*."""
    return Outlet(
        entry_id=row.id,
        source=row.source,
        name=row.outlet or _known_as(row.source, address, row.url),
        title=title,
        url=row.url,
        at=at,
    )


def _known_as(source: str, address: str, url: str) -> str:
    """Return the name of a source; the host, where it passes on what stands elsewhere."""
    at, home = host(url), host(address)
    passed_on = source == INBOX.name or (_domain(home) and _domain(at) != _domain(home))
    return at if at and passed_on else source


def host(url: str) -> str:
    """Return the host of an address as people say it, without `www.`; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _domain(name: str) -> str:
    """Return the last two labels of a host's name, and "" for what is none: a bare address."""
    labels = name.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 and not labels[-1].isdigit() else ""


def because_columns(places: Iterable[Because]) -> list[dict[str, Any]]:
    """Return *places* as JSON."""
    return [storable_tree(msgspec.structs.asdict(place)) for place in places]


def published(match: MatchRow, row: EntryRow, texts: RevisionRow) -> Published:
    """Return the match as feeds and pages show it."""
    return Published(
        id=match.id,
        seq=match.seq,
        rule=match.rule,
        version=match.version,
        entry_id=row.id,
        entry=entry(row, texts),
        because=tuple(Because(**place) for place in match.because),
        seen_at=row.seen_at,
        matched_at=match.matched_at,
        updated_at=match.updated_at,
        lost=match.lost,
    )


def event(row: EventRow) -> Event:
    """Return the event in *row*."""
    kind: Any = row.kind
    return Event(kind=kind, about=row.about, words=row.words, at=row.at)


def endpoint(row: EndpointRow, counts: Mapping[str, int] | None = None) -> Endpoint:
    """Return the endpoint in *row*; *counts* are those of its deliveries, by state."""
    counts = counts or {}
    return Endpoint(
        name=row.name,
        disabled=row.disabled,
        failures=row.failures,
        failing_since=row.failing_since,
        succeeded_at=row.succeeded_at,
        rests_until=row.rests_until,
        due=counts.get("due", 0),
        held=counts.get("held", 0),
        delivered=counts.get("delivered", 0),
        failed=counts.get("failed", 0),
        waiting=counts.get("waiting", 0),
    )


def feed_token(row: FeedTokenRow) -> FeedToken:
    """Return the token in *row*, without what it is recognised by."""
    return FeedToken(id=row.id, feed=row.feed, label=row.label, created_at=row.created_at)


def delivery(row: DeliveryRow, log: Iterable[AttemptRow] = ()) -> Delivery:
    """Return the delivery in *row*; *log* are its tries, first first."""
    state: Any = row.state
    return Delivery(
        id=row.id,
        endpoint=row.endpoint,
        event=row.event,
        match=row.match,
        body=row.body,
        state=state,
        created_at=row.created_at,
        due=row.due,
        content_type=row.content_type,
        headers=row.headers,
        attempts=row.attempts,
        token=row.token,
        delivered_at=row.delivered_at,
        error=row.error,
        why=row.why,
        bundle=row.bundle,
        log=tuple(map(_attempt, log)),
    )


def _attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        number=row.number,
        at=row.at,
        took=timedelta(microseconds=row.took_us),
        status=row.status,
        error=row.error,
        response=row.response,
    )
