"""Decides what a look at a source changes: old state and new entries in, one Poll out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType

from feeds import payload
from feeds.difference import Change, difference
from feeds.highlight import texts_of
from rules import Entry, Match, RuleSet
from rules.story import bands
from store import (
    Claim,
    EndpointSpec,
    Event,
    EventKind,
    Judged,
    Known,
    Linked,
    Owed,
    Poll,
    Revision,
    Seen,
    Source,
    StoryTerms,
    Validators,
    delivery_id,
    entry_id,
    match_id,
)
from store.condition import after, condition
from watcher.links import same_link

NO_ARTICLES: Mapping[str, Linked] = MappingProxyType({})

FAILING_AFTER = 2
"""From this many failed polls in a row on, endpoints that want it are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the desk says at this moment: its rules, and who wants to hear of their matches."""

    rules: RuleSet
    endpoints: Mapping[str, EndpointSpec]
    base_url: str
    window: timedelta = timedelta()
    """How long copies join the story of an entry; nothing, where none do."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """What the ids of matches are derived from, for rules that were renamed."""

    def match_id(self, rule: str, entry: str) -> str:
        """Return the id of the match of *rule* on the entry with the id *entry*."""
        return match_id(self.origins.get(rule, rule), entry)

    def stories(self, judged: Iterable[Judged]) -> StoryTerms:
        """Return which copies of what was *judged* join a story."""
        said = {match.rule for one in judged for match in one.matches} & self.rules.rules.keys()
        return StoryTerms(
            window=self.window, copies={rule: self.rules.rules[rule].copies for rule in said}
        )

    def subscribers(self, event: str, rule: str = "") -> tuple[str, ...]:
        """Return the endpoints that want *event*; for a match, those that its rule notifies."""
        names: Iterable[str] = self.rules.rules[rule].notify if rule else self.endpoints
        return tuple(
            name
            for name in dict.fromkeys(names)
            if name in self.endpoints and event in self.endpoints[name].events
        )


def decide(
    claim: Claim,
    entries: Sequence[Entry],
    known: Mapping[str, Known],
    desk: Desk,
    *,
    now: datetime,
    next_poll_at: datetime,
    validators: Validators | None = None,
    error: str = "",
    pushed: bool = False,
    seen: Seen | None = None,
    took: timedelta | None = None,
    gone: bool = False,
    news: bool = False,
    linked: Mapping[str, Linked] = NO_ARTICLES,
) -> Poll:
    """Return all that this look at the source changes.

    *entries* are what the source shows now; *known* is what the store has of
    them. *pushed* entries were handed in by somebody; each is *news* if they say so.
    *error* tells that it, or a part, could not be read, *gone* that it never will
    be. *seen* is what was seen of the source's ways, and *took* how long that took.
    *linked* is what came of reading the articles of entries, by key.
    """
    source = claim.source
    judged: list[Judged] = []
    owed: list[Owed] = []
    articles: list[tuple[str, Linked]] = []
    for placed in _oldest_first([_placed(entry, source, now) for entry in entries]):
        before = known.get(placed.key)
        article = linked.get(placed.key)
        if before and (placed.sha256 == before.sha256 or (not article and before.says(placed))):
            if article and article != before.linked:
                articles.append((before.id, article))
            continue
        verdict = _judged(placed, before, desk, article)
        judged.append(verdict)
        if before is not None or news or is_news(placed, source):
            owed.extend(_owed(verdict, before, desk, now))
    poll = Poll(
        source=source.name,
        token=claim.token,
        at=now,
        next_poll_at=next_poll_at,
        judged=tuple(judged),
        owed=tuple(owed),
        validators=validators,
        error=error,
        seen=seen,
        took=took,
        pushed=pushed,
        gone=gone,
        linked=tuple(articles),
        stories=desk.stories(judged),
    )
    event = None if pushed else _change_of_state(source, poll)
    if event is None:
        return poll
    failures = source.failures + 1 if poll.error else 0
    told = _told(source, event, failures, desk)
    return replace(poll, owed=(*owed, *told), events=(event,))


def is_news(entry: Entry, source: Source) -> bool:
    """Tell whether a new entry of *source* is worth an alert, not only a place in the feeds.

    What a source shows at its first poll is its backlog: it is news only where
    it was published after the source's `alert_since`. What appears later is
    news, unless it was published before a day that `alert_since` names.
    """
    since = source.spec.alert_since
    if since == "always":
        return True
    if isinstance(since, datetime):
        return entry.dated is None or entry.dated >= since
    if source.succeeded_at is not None and source.succeeded_at >= source.added_at:
        return True
    return entry.dated is not None and entry.dated >= source.added_at


def _placed(entry: Entry, source: Source, now: datetime) -> Entry:
    """Return *entry* as one of *source*; what claims to come from the future was published now."""
    return replace(
        entry,
        source=source.name,
        lang=entry.lang or source.spec.lang,
        published=min(entry.published, now) if entry.published else None,
        updated=min(entry.updated, now) if entry.updated else None,
    )


def _oldest_first(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return *entries* in the order in which they came out, so that their matches count in it.

    Without dates, sources show the newest first.
    """
    latest = max((entry.dated for entry in entries if entry.dated), default=None)
    backwards = entries[::-1]
    if latest is None:
        return backwards
    return sorted(backwards, key=lambda entry: entry.dated or latest)


def _judged(entry: Entry, before: Known | None, desk: Desk, article: Linked | None) -> Judged:
    """Return *entry* with what the rules say of it; a rule that is gone keeps what it said."""
    matches = desk.rules.match(entry)
    held = {match.rule for match in matches}
    asked = before.matched.keys() & desk.rules.rules.keys() if before else frozenset()
    lost = tuple(sorted(asked - held))
    identity = before.id if before else entry_id(entry.source, entry.key)
    link = same_link(entry.url) if entry.url else ""
    return Judged(
        id=identity,
        entry=entry,
        matches=matches,
        lost=lost,
        link=link,
        known=before is not None,
        linked=article,
        bands=bands(entry) if matches and desk.window else (),
    )


def _owed(verdict: Judged, before: Known | None, desk: Desk, now: datetime) -> Iterable[Owed]:
    """Return what is owed for matches that are new, still hold after an edit, or were lost by it."""
    lost = [
        Match(rule=rule, version=before.matched[rule], because=())
        for rule in verdict.lost
        if before is not None
    ]
    for match in (*verdict.matches, *lost):
        updated = before is not None and match.rule in before.matched
        event = "match.updated" if updated else "match.created"
        identity = desk.match_id(match.rule, verdict.id)
        subject = f"{identity} {verdict.entry.sha256}" if updated else identity
        when = desk.rules.rules[match.rule].escalations
        for endpoint in desk.subscribers(event, match.rule):
            if updated and endpoint in when:
                continue  # an edit is no further source
            yield Owed(
                id=delivery_id(event, subject, endpoint),
                endpoint=endpoint,
                event=event,
                payload=_payload(event, verdict, match, before, desk, now),
                match=identity,
                when=when.get(endpoint),
            )


def _payload(
    event: str, verdict: Judged, match: Match, before: Known | None, desk: Desk, now: datetime
) -> Mapping[str, object]:
    found = payload.Found(
        rule=desk.rules.rules[match.rule],
        match=match,
        entry=verdict.entry,
        entry_id=verdict.id,
        match_id=desk.match_id(match.rule, verdict.id),
        seen=before.seen_at if before else now,
    )
    if event != "match.updated":
        return payload.match_created(found, now=now, base_url=desk.base_url)
    return payload.match_updated(
        found,
        now=now,
        base_url=desk.base_url,
        lost=match.rule in verdict.lost,
        changes=_edit(before.present, verdict.entry) if before and before.present else (),
    )


@lru_cache(maxsize=1)
def _edit(old: Revision, entry: Entry) -> tuple[Change, ...]:
    """Return how *entry* was edited; several endpoints are told the same."""
    return difference(texts_of(old), texts_of(entry))


def _change_of_state(source: Source, poll: Poll) -> Event | None:
    """Return what *poll* shows of a source that got into trouble, or out of it."""
    left = after(source, poll)
    was, is_now = condition(source, source.polled_at or poll.at), condition(left, poll.at)
    long_failing = source.failures >= FAILING_AFTER
    if left.error:
        told = left.gone or left.failures == FAILING_AFTER
        return _event("source.failing", source, left.error, poll.at) if told else None
    if is_now.troubled:
        told = is_now.state != was.state
        return _event("source.failing", source, str(is_now), poll.at) if told else None
    if long_failing or (was.troubled and not source.error):
        return _event("source.recovered", source, f"it was {was}", poll.at)
    return None


def _event(kind: EventKind, source: Source, words: str, at: datetime) -> Event:
    return Event(kind=kind, about=source.name, words=words, at=at)


def _told(source: Source, event: Event, failures: int, desk: Desk) -> Iterable[Owed]:
    """Return *event* as it is owed to the endpoints that want it."""
    if event.kind == "source.failing":
        body = payload.source_failing(
            source=source,
            error=event.words,
            failures=failures,
            now=event.at,
            base_url=desk.base_url,
        )
    else:
        body = payload.source_recovered(source=source, now=event.at, base_url=desk.base_url)
    return [
        Owed(
            id=delivery_id(event.kind, f"{source.name} {event.at.isoformat()}", endpoint),
            endpoint=endpoint,
            event=event.kind,
            payload=body,
        )
        for endpoint in desk.subscribers(event.kind)
    ]
