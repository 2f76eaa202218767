from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from feeds import payload
from rules import Because, Entry, Match, Rule
from rules.language import parse_query
from store import Source, SourceSpec

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BASE = "http://127.0.0.1:8765"
LAW = Because(
    term="law:32108",
    field="text",
    start=57,
    end=66,
    quote="Law 32108",
    before="scrap ",
    after=" now",
)


def a_rule() -> Rule:
    query = "law:32108"
    return Rule(id="law-32108", title="Peru: Law 32108", query=query, tree=parse_query(query))


def an_entry(**changed: Any) -> Entry:
    given: dict[str, Any] = {
        "key": "1",
        "source": "green-left",
        "url": "https://example.org/peru",
        "title": "Peru: a law and its year",
        "summary": "What the law did.",
        "text": "…",
        "authors": ("A. Writer",),
        "lang": "en",
        "published": NOON - timedelta(days=1),
    }
    return Entry(**{**given, **changed})


def found(entry: Entry | None = None, *because: Because) -> payload.Found:
    return payload.Found(
        rule=a_rule(),
        match=Match(rule="law-32108", version="abc", because=because or (LAW,)),
        entry=entry or an_entry(),
        entry_id="e1",
        match_id="m1",
        seen=NOON,
    )


def created(entry: Entry | None = None, *because: Because, base_url: str = BASE) -> dict[str, Any]:
    return payload.match_created(found(entry, *because), now=NOON, base_url=base_url)


def a_source() -> Source:
    spec = SourceSpec(name="green-left", kind="feed", address="https://me:pw@example.org/f?key=1")
    return Source(
        spec=spec, added_at=NOON, next_poll_at=NOON, failures=7, succeeded_at=NOON - timedelta(1)
    )


def test_a_new_match_reads_as_the_contract_says() -> None:
    assert created() == {
        "type": "match.created",
        "timestamp": "2026-11-24T12:00:00Z",
        "data": {
            "seq": None,
            "rule": {"id": "law-32108", "title": "Peru: Law 32108", "version": "abc"},
            "entry": {
                "id": "e1",
                "url": "https://example.org/peru",
                "title": "Peru: a law and its year",
                "summary": "What the law did.",
                "source": "green-left",
                "lang": "en",
                "authors": ["A. Writer"],
                "published": "2026-11-23T12:00:00Z",
                "seen": "2026-11-24T12:00:00Z",
                "sha256": an_entry().sha256,
            },
            "because": [
                {
                    "term": "law:32108",
                    "field": "text",
                    "start": 57,
                    "end": 66,
                    "quote": "Law 32108",
                    "context": "scrap Law 32108 now",
                }
            ],
            "links": {"match": f"{BASE}/matches/m1", "feed": f"{BASE}/feeds/law-32108.atom"},
            "outlets": [],
        },
    }


def test_keys_stand_in_the_order_of_the_contract() -> None:
    body = created()
    assert list(body) == ["type", "timestamp", "data"]
    assert list(body["data"]) == ["seq", "rule", "entry", "because", "links", "outlets"]
    assert " ".join(body["data"]["entry"]) == (
        "id url title summary source lang authors published seen sha256"
    )


def test_an_instant_is_told_in_utc_with_fractions_only_where_it_has_some() -> None:
    lima = timezone(timedelta(hours=-5))
    entry = an_entry(published=datetime(2026, 11, 24, 7, 0, 0, 250_000, tzinfo=lima))
    assert created(entry)["data"]["entry"]["published"] == "2026-11-24T12:00:00.250000Z"


def test_an_entry_without_a_date_has_none() -> None:
    assert created(an_entry(published=None))["data"]["entry"]["published"] is None


def test_a_slash_at_the_end_of_the_base_is_not_doubled() -> None:
    assert created(base_url=f"{BASE}/")["data"]["links"]["match"] == f"{BASE}/matches/m1"


def test_a_long_article_with_many_places_stays_a_small_payload() -> None:
    # given a summary of 100,000 characters and 5,000 places
    entry = an_entry(summary="ñ" * 100_000, title="t" * 100_000, authors=("a",) * 9999)
    body = created(entry, *[LAW] * 5000)

    # then both are cut
    assert len(body["data"]["because"]) == 50
    assert len(body["data"]["entry"]["summary"]) == 1000
    assert body["data"]["entry"]["summary"].endswith("ñ…")
    assert len(json.dumps(body).encode()) < 20_000


def test_an_update_says_whether_the_match_was_lost() -> None:
    told = payload.match_updated(found(), now=NOON, base_url=BASE)
    assert told["type"] == "match.updated"
    assert told["data"] == {**created()["data"], "lost": False, "changes": []}


def test_a_failing_source_is_told_without_its_address() -> None:
    body = payload.source_failing(
        source=a_source(), error="no answer", failures=8, now=NOON, base_url=BASE
    )
    assert body == {
        "type": "source.failing",
        "timestamp": "2026-11-24T12:00:00Z",
        "data": {
            "source": {"name": "green-left", "succeeded": "2026-11-23T12:00:00Z"},
            "error": "no answer",
            "failures": 8,
            "links": {"sources": f"{BASE}/sources"},
        },
    }


def test_a_recovered_source_says_how_often_it_had_failed() -> None:
    body = payload.source_recovered(source=a_source(), now=NOON, base_url=BASE)
    assert (body["type"], body["data"]["failures"]) == ("source.recovered", 7)


def test_a_test_names_its_endpoint() -> None:
    body = payload.endpoint_test(endpoint="newsroom", now=NOON, base_url=BASE)
    assert (body["type"], body["data"]["endpoint"]) == ("endpoint.test", "newsroom")


def test_every_payload_is_of_a_known_type() -> None:
    bodies = [
        created(),
        payload.endpoint_test(endpoint="newsroom", now=NOON, base_url=BASE),
        payload.source_recovered(source=a_source(), now=NOON, base_url=BASE),
    ]
    assert {body["type"] for body in bodies} <= set(payload.EVENTS)
