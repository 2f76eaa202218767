"""Values with defaults, for tests that care about one thing of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from feeds.catalogue import Catalogue, Site
from rules import Because, Entry, Match, Rule
from rules.language import parse_query
from store import Judged, Owed, Published, Source, SourceSpec, delivery_id, entry_id, match_id

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8765"


def an_entry(key: str = "1", **changed: Any) -> Entry:
    given: dict[str, Any] = {
        "key": key,
        "source": "green-left",
        "url": f"https://example.org/{key}",
        "title": f"Article {key}",
        "text": "They want to scrap Law 32108 now.",
        "authors": ("A. Writer",),
        "lang": "en",
    }
    return Entry(**{**given, **changed})


def a_place(**changed: Any) -> Because:
    given: dict[str, Any] = {
        "term": "law:32108",
        "field": "text",
        "start": 19,
        "end": 28,
        "quote": "Law 32108",
        "before": "They want to scrap ",
        "after": " now.",
    }
    return Because(**{**given, **changed})


def a_match(rule: str = "law-32108", *places: Because) -> Match:
    return Match(rule=rule, version="v1", because=places or (a_place(),))


def a_rule(identity: str = "law-32108", query: str = "law:32108", **changed: Any) -> Rule:
    title = changed.pop("title", f"Rule {identity}")
    return Rule(id=identity, title=title, query=query, tree=parse_query(query), **changed)


def a_source(name: str = "green-left", **changed: Any) -> SourceSpec:
    given: dict[str, Any] = {"kind": "feed", "address": f"https://{name}.example/rss.xml"}
    return SourceSpec(name=name, **{**given, **changed})


def a_polled(name: str = "green-left", **changed: Any) -> Source:
    given: dict[str, Any] = {"spec": a_source(name), "added_at": NOON, "next_poll_at": NOON}
    return Source(**{**given, **changed})


def judged(entry: Entry, *matches: Match, **changed: Any) -> Judged:
    return Judged(id=entry_id(entry.source, entry.key), entry=entry, matches=matches, **changed)


def owed(verdict: Judged, endpoint: str = "newsroom", event: str = "match.created") -> Owed:
    subject = match_id(verdict.matches[0].rule, verdict.id)
    return Owed(
        id=delivery_id(event, subject, endpoint),
        endpoint=endpoint,
        event=event,
        payload={"type": event, "data": {"seq": None, "title": verdict.entry.title}},
        match=subject,
    )


def published(entry: Entry, *places: Because, **changed: Any) -> Published:
    rule = changed.pop("rule", "law-32108")
    identity = entry_id(entry.source, entry.key)
    given: dict[str, Any] = {
        "id": match_id(rule, identity),
        "seq": 1,
        "rule": rule,
        "version": "v1",
        "entry_id": identity,
        "entry": entry,
        "because": places or (a_place(),),
        "seen_at": NOON,
        "matched_at": NOON,
        "updated_at": NOON,
    }
    return Published(**{**given, **changed})


def a_catalogue(*rules: Rule, **changed: Any) -> Catalogue:
    site = Site(title="The desk", base_url=BASE, languages=("es", "en"))
    held = rules or (a_rule(),)
    return Catalogue.of(site, {rule.id: rule for rule in held}, [], **changed)
