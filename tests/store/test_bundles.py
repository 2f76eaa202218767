"""What waits is told once: alone, or in a digest that names it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import payload
from feeds.messages import Limits, message
from rules import Escalation
from store import Attempt, Delivery, Owed, Poll, StoryTerms, Tried, delivery_id, match_id
from store.bundles import MOST_MEMBERS
from store.database import Database
from store.holding import AT_WILL, Digest, Holding, Limit, Quiet
from tests.builders import BASE, NOON, a_match, a_source, an_entry, judged
from tests.store.test_holding import holdings

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAILY = Holding(digest=Digest(at=time(7), zone="America/Lima"))  # 12:00 UTC
NIGHT = Holding(quiet=Quiet(start=time(11), end=time(13)))  # NOON lies in it
TWO = Holding(at_most=Limit(count=2, per=HOUR))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with everything in it that the tests begin with; making one takes its time."""
    folder = tmp_path_factory.mktemp("made")
    opened(folder).close()
    return folder / "tocsin.db"


def a_copy(made: Path, folder: Path) -> Database:
    shutil.copy(made, folder)
    return Database.open(f"sqlite:///{folder / 'tocsin.db'}")


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Iterator[Database]:
    database = a_copy(made, tmp_path)
    yield database
    database.close()


def opened(folder: Path) -> Database:
    database = Database.open(f"sqlite:///{folder / 'tocsin.db'}")
    database.sync_sources([a_source(), a_source("andina"), a_source("rpp")], NOON)
    database.sync_rules({"law-32108": ("v1", "Law 32108"), "extortion": ("v1", "Extortion")})
    database.sync_endpoints(["newsroom", "chief"], NOON)
    return database


def owe(database: Database, *keys: str, now: datetime = NOON, **changed: Any) -> list[str]:
    """Store articles with a match each, owed to the newsroom; return the ids of the deliveries."""
    source = changed.pop("source", "green-left")
    rule = changed.pop("rule", "law-32108")
    story = changed.pop("story", None)  # what is told of the same one joins
    texts = {"text": story, "url": f"https://{source}.example/1"} if story else {}
    bands = (7,) if story else ()
    verdicts = [
        judged(an_entry(key, source=source, **texts), a_match(rule), bands=bands) for key in keys
    ]
    deliveries = tuple(owing(verdict, now, **changed) for verdict in verdicts)
    claim = database.claim(source, now, MINUTE, due_only=False)
    assert claim is not None
    poll = Poll(
        source=source,
        token=claim.token,
        at=now,
        next_poll_at=now + HOUR,
        judged=tuple(verdicts),
        owed=deliveries,
        stories=StoryTerms(window=24 * HOUR, copies={rule: "silent"}),
    )
    assert database.commit(poll) is not None
    return [one.id for one in deliveries]


def owing(verdict: Any, now: datetime, endpoint: str = "newsroom", when: Any = None) -> Owed:
    subject = match_id(verdict.matches[0].rule, verdict.id)
    data = {
        "seq": None,
        "rule": {"id": verdict.matches[0].rule},
        "entry": {
            "id": verdict.id,
            "url": verdict.entry.url,
            "title": verdict.entry.title,
            "source": verdict.entry.source,
            "summary": "",
            "published": None,
        },
        "because": [],
        "links": {"match": f"{BASE}/matches/{subject}"},
    }
    return Owed(
        id=delivery_id("match.created", subject, endpoint),
        endpoint=endpoint,
        event="match.created",
        payload={"type": "match.created", "timestamp": now.isoformat(), "data": data},
        match=subject,
        when=when,
    )


def claimed(
    database: Database, now: datetime, holding: Holding = AT_WILL, endpoint: str = "newsroom"
) -> tuple[Delivery, ...]:
    render = partial(payload.digest, base_url=BASE)
    return database.claim_deliveries(endpoint, now, MINUTE, 500, holding=holding, render=render)


def settled(
    database: Database,
    leaving: Sequence[Delivery],
    now: datetime,
    *,
    retry_at: datetime | None = None,
) -> None:
    attempt = Attempt(number=1, at=now, took=MINUTE / 60, status=500 if retry_at else 204)
    outcome: Any = "retry" if retry_at else "delivered"
    database.settle(
        [
            Tried(delivery=one, attempt=attempt, outcome=outcome, retry_at=retry_at)
            for one in leaving
        ]
    )


def sent(
    database: Database, now: datetime, holding: Holding = AT_WILL, endpoint: str = "newsroom"
) -> list[Delivery]:
    """Return what leaves now, and let it arrive."""
    leaving = claimed(database, now, holding, endpoint)
    settled(database, leaving, now)
    return list(leaving)


def event(delivery: Delivery) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(delivery.body)
    return told


def named(delivery: Delivery) -> list[str]:
    return [one["id"] for one in event(delivery)["data"]["events"]]


def states(database: Database, ids: Sequence[str]) -> set[str]:
    return {database.delivery(identity).state for identity in ids}  # type: ignore[union-attr]


def test_a_digest_tells_what_came_since_the_last_in_one_delivery(database: Database) -> None:
    # given news before and after the time of a digest
    first = owe(database, "a", "b", now=NOON + MINUTE)
    assert sent(database, NOON + MINUTE, DAILY) == []
    assert states(database, first) == {"waiting"}
    later = owe(database, "c", now=NOON + 5 * HOUR)
    assert sent(database, NOON + 5 * HOUR, DAILY) == []

    # when that time comes
    assert database.due_endpoints(NOON + 23 * HOUR) == ()
    assert database.due_endpoints(NOON + 24 * HOUR) == ("newsroom",)
    (digest,) = sent(database, NOON + 24 * HOUR, DAILY)

    # then one delivery names all, whole, and they are told
    assert digest.event == "digest"
    assert sorted(named(digest)) == sorted(first + later)
    data = event(digest)["data"]
    assert (data["reason"], data["count"], data["endpoint"]) == ("digest", 3, "newsroom")
    assert data["events"][2]["data"]["entry"]["title"] == "Article c"
    assert states(database, first + later) == {"bundled"}
    assert {one.bundle for one in database.deliveries() if one.event != "digest"} == {digest.id}

    # and without news there is no further one
    assert database.due_endpoints(NOON + 48 * HOUR) == ()
    assert sent(database, NOON + 48 * HOUR, DAILY) == []


def test_a_digest_names_the_outlets_that_joined_a_story_while_it_waited(
    database: Database,
) -> None:
    # given a story that waits, when two others print it
    story = (
        "The drivers of eleven bus lines left the avenues in the north of Lima empty this morning,"
        " and marched against Law 32108 once more. The police counted nine blockades by noon."
    )
    ids = owe(database, "first", now=NOON + MINUTE, story=story)
    other = owe(database, "other", now=NOON + 2 * MINUTE)
    assert sent(database, NOON + 2 * MINUTE, DAILY) == []
    for later, source, endpoint in ((3, "andina", "chief"), (4, "rpp", "newsroom")):
        now = NOON + later * MINUTE
        owe(database, source, now=now, source=source, story=story, endpoint=endpoint)
        assert sent(database, now, DAILY, endpoint) == []

    # then the digest tells it once and names them
    (digest,) = sent(database, NOON + 24 * HOUR, DAILY)
    assert named(digest) == ids + other
    told = [one["data"]["outlets"] for one in event(digest)["data"]["events"]]
    assert [[one["name"] for one in some] for some in told] == [["andina", "rpp"], []]
    # as does that of whoever was told of the story by a copy
    (copied,) = sent(database, NOON + 24 * HOUR, DAILY, "chief")
    (told,) = event(copied)["data"]["events"]
    assert [one["name"] for one in told["data"]["outlets"]] == ["green-left", "rpp"]
    # and so does its message
    digest_event = event(digest)
    for one in digest_event["data"]["events"]:
        one["data"]["rule"]["title"] = "Law"
    assert message(digest_event, {}, Limits()).body == (
        "• Article first (Law, green-left, +2 outlets)\n  https://green-left.example/1\n"
        "• Article other (Law, green-left)\n  https://example.org/other"
    )


def test_a_digest_comes_empty_where_that_is_asked_for(database: Database) -> None:
    empty = Holding(digest=Digest(at=time(12), empty=True))
    database.expect_digests({"newsroom": NOON})
    assert database.due_endpoints(NOON) == ("newsroom",)
    (digest,) = sent(database, NOON, empty)
    assert (named(digest), event(digest)["data"]["count"]) == ([], 0)
    assert database.due_endpoints(NOON + 23 * HOUR) == ()
    owe(database, "a", now=NOON + HOUR)
    sent(database, NOON + HOUR, empty)
    (full,) = sent(database, NOON + 24 * HOUR, empty)
    assert event(full)["data"]["count"] == 1
    database.expect_digests({})
    assert database.due_endpoints(NOON + 72 * HOUR) == ()


def test_quiet_hours_hold_and_then_summarise(database: Database) -> None:
    ids = owe(database, "a", "b")
    assert sent(database, NOON, NIGHT) == []
    (digest,) = sent(database, NOON + HOUR, NIGHT)
    assert (sorted(named(digest)), event(digest)["data"]["reason"]) == (sorted(ids), "quiet")
    owe(database, "c", now=NOON + 2 * HOUR)
    assert [one.event for one in sent(database, NOON + 2 * HOUR, NIGHT)] == ["match.created"]


def test_what_failed_before_the_quiet_hours_is_not_tried_in_them(database: Database) -> None:
    # given a delivery that failed at a quarter to eleven
    before = NOON - 1.25 * HOUR
    owe(database, "a", now=before)
    settled(database, claimed(database, before, NIGHT), before, retry_at=NOON)

    # when its next try is due in the quiet hours, it waits for their end, alone
    assert claimed(database, NOON, NIGHT) == ()
    (again,) = claimed(database, NOON + HOUR, NIGHT)
    assert (again.event, again.attempts) == ("match.created", 1)


def test_at_most_so_many_leave_then_a_summary_of_the_rest(database: Database) -> None:
    ids = owe(database, *"abcdef")
    alone = sent(database, NOON, TWO)
    assert len(alone) == 2
    assert sent(database, NOON + 59 * MINUTE, TWO) == []
    (digest,) = sent(database, NOON + HOUR, TWO)
    assert sorted([*named(digest), *(one.id for one in alone)]) == sorted(ids)
    assert event(digest)["data"]["reason"] == "at_most"

    # and the summary counts as one
    owe(database, *"gh", now=NOON + HOUR)
    assert len(sent(database, NOON + HOUR, TWO)) == 1


def test_a_test_waits_for_nothing(database: Database) -> None:
    test = Owed(id="msg_t", endpoint="newsroom", event="endpoint.test", payload={"type": "t"})
    database.owe([test], NOON)
    assert [one.id for one in sent(database, NOON, NIGHT)] == ["msg_t"]


def test_a_silence_holds_one_rule_and_tells_at_its_end_what_it_held(database: Database) -> None:
    # given a silence of one rule
    silence = database.silence("newsroom", "extortion", "The court sits", NOON, NOON + 3 * HOUR)
    assert silence is not None
    held = owe(database, "a", "b", rule="extortion")
    owe(database, "c")

    # when it is in force, another rule is told
    (other,) = sent(database, NOON)
    assert event(other)["data"]["entry"]["title"] == "Article c"
    assert [(one.count, one.is_in_force(NOON)) for one in database.silences()] == [(2, True)]

    # then its end tells the rest, and why
    assert database.due_endpoints(NOON + 2 * HOUR) == ()
    assert database.due_endpoints(NOON + 3 * HOUR) == ("newsroom",)
    (digest,) = sent(database, NOON + 3 * HOUR)
    assert sorted(named(digest)) == sorted(held)
    assert event(digest)["data"]["silence"]["why"] == "The court sits"
    assert event(digest)["data"]["silence"]["rule"] == "extortion"


def test_a_silence_that_is_ended_early_tells_at_once(database: Database) -> None:
    silence = database.silence("newsroom", "", "Holidays", NOON, NOON + 72 * HOUR)
    assert silence is not None
    owe(database, "a")
    assert sent(database, NOON) == []
    ended = database.end_silence(silence.id, NOON + HOUR)
    assert ended is not None
    assert ended.ended_at == NOON + HOUR
    assert [one.event for one in sent(database, NOON + HOUR)] == ["digest"]
    owe(database, "b", now=NOON + HOUR)
    assert [one.event for one in sent(database, NOON + HOUR)] == ["match.created"]
    assert database.end_silence("none", NOON) is None
    assert database.silence("nobody", "", "x", NOON, NOON + HOUR) is None


def test_what_waits_outlives_a_restart_and_a_digest_keeps_its_bytes(tmp_path: Path) -> None:
    # given news that wait when the desk stops
    database = opened(tmp_path)
    owe(database, "a", "b")
    assert sent(database, NOON, DAILY) == []
    database.close()

    # when it is back two days later, and its first try fails
    database = opened(tmp_path)
    late = NOON + 49 * HOUR
    (digest,) = claimed(database, late, DAILY)
    settled(database, [digest], late, retry_at=late + MINUTE)
    database.close()

    # then the next try has the same id and bytes
    database = opened(tmp_path)
    (again,) = claimed(database, late + MINUTE, DAILY)
    assert (again.id, again.body, again.attempts) == (digest.id, digest.body, 1)
    database.close()


def test_a_digest_of_very_many_comes_in_parts(database: Database) -> None:
    ids = owe(database, *map(str, range(MOST_MEMBERS + 7)))
    assert sent(database, NOON, NIGHT) == []
    digests = sent(database, NOON + HOUR, NIGHT)
    assert [event(one)["data"]["count"] for one in digests] in (
        [MOST_MEMBERS, 7],
        [7, MOST_MEMBERS],
    )
    assert sorted(identity for one in digests for identity in named(one)) == sorted(ids)


def test_what_is_sent_again_by_hand_leaves_alone_at_once(database: Database) -> None:
    (identity,) = owe(database, "a")
    assert sent(database, NOON, NIGHT) == []
    again = database.redeliver(identity, NOON + MINUTE)
    assert again is not None
    assert [one.id for one in sent(database, NOON + MINUTE, NIGHT)] == [identity]
    assert sent(database, NOON + HOUR, NIGHT) == []


THREE = Escalation(sources=3, within=6 * HOUR)


def test_an_endpoint_is_told_when_enough_sources_have_a_match_once_in_a_burst(
    database: Database,
) -> None:
    chief = {"endpoint": "chief", "when": THREE}
    # given matches in two sources, one of them twice
    first = owe(database, "a", source="green-left", **chief)
    first += owe(database, "b", source="green-left", now=NOON + HOUR, **chief)
    first += owe(database, "c", source="andina", now=NOON + 2 * HOUR, **chief)
    assert states(database, first) == {"spared"}
    assert database.due_endpoints(NOON + 2 * HOUR) == ()

    # when a third has one
    (told,) = owe(database, "d", source="rpp", now=NOON + 3 * HOUR, **chief)

    # then it is told, with all that led to it
    (delivery,) = sent(database, NOON + 3 * HOUR, endpoint="chief")
    assert (delivery.id, delivery.event) == (told, "match.created")
    escalation = event(delivery)["data"]["escalation"]
    assert escalation["sources"] == ["andina", "green-left", "rpp"]
    assert escalation["within"] == 6 * 3600
    assert [one["entry"]["title"] for one in escalation["matches"]] == [
        "Article a",
        "Article b",
        "Article c",
    ]
    assert states(database, first) == {"bundled"}

    # and more of the same burst is not told
    more = owe(database, "e", source="andina", now=NOON + 4 * HOUR, **chief)
    assert states(database, more) == {"spared"}

    # but another burst, when there were fewer in between, is
    owe(database, "f", source="green-left", now=NOON + 20 * HOUR, **chief)
    owe(database, "g", source="rpp", now=NOON + 21 * HOUR, **chief)
    owe(database, "h", source="andina", now=NOON + 22 * HOUR, **chief)
    assert len(sent(database, NOON + 22 * HOUR, endpoint="chief")) == 1


@settings(max_examples=12, deadline=None)
@given(
    holdings,
    st.lists(st.integers(0, 30 * 60), min_size=1, max_size=6, unique=True).map(sorted),
    st.none() | st.integers(1, 600),
)
def test_whatever_an_endpoint_asks_for_each_match_is_told_once(
    made: Path,
    tmp_path_factory: pytest.TempPathFactory,
    holding: Holding,
    minutes: Sequence[int],
    silence: int | None,
) -> None:
    database = a_copy(made, tmp_path_factory.mktemp("held"))
    try:
        told: list[str] = []
        if silence:
            database.silence("newsroom", "", "x", NOON, NOON + silence * MINUTE)
        ids: list[str] = []
        for minute in minutes:
            now = NOON + minute * MINUTE
            ids += owe(database, f"k{minute}", now=now)
            told += _told(sent(database, now, holding))
        while waiting := [one.due for one in database.deliveries(state="waiting")]:
            assert min(waiting) > now
            now = min(waiting)
            assert database.due_endpoints(now) == ("newsroom",)
            told += _told(sent(database, now, holding))
        assert sorted(told) == sorted(ids)
        assert {one.state for one in database.deliveries()} <= {"delivered", "bundled"}
    finally:
        database.close()


def _told(deliveries: Sequence[Delivery]) -> list[str]:
    return [
        identity
        for one in deliveries
        for identity in (named(one) if one.event == "digest" else [one.id])
    ]
