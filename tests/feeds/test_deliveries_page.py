"""The page of deliveries tells people what was sent, what is owed, and why something is held."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store import Attempt, Outcome, Owed, Tried, delivery_id, receivers
from tests.builders import NOON
from tests.feeds.test_web import Desk

MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.database.sync_endpoints(["newsroom", "union"], NOON)
    yield made
    made.client.close()
    made.database.close()


def owe(desk: Desk, endpoint: str = "newsroom", subject: str = "1") -> str:
    identity = delivery_id("match.created", subject, endpoint)
    owed = Owed(
        id=identity,
        endpoint=endpoint,
        event="match.created",
        payload={"data": {"title": "hidden in the payload"}},
    )
    desk.database.owe([owed], NOON)
    return identity


def try_all(desk: Desk, outcome: Outcome, error: str = "", response: str = "") -> None:
    for held in desk.database.claim_deliveries("newsroom", NOON, MINUTE, 100):
        attempt = Attempt(
            number=1, at=NOON, took=MINUTE, status=410, error=error, response=response
        )
        desk.database.settle([Tried(delivery=held, attempt=attempt, outcome=outcome)])


def test_each_delivery_is_shown_with_its_state_and_no_payload(desk: Desk) -> None:
    arrived = owe(desk)
    try_all(desk, "delivered", response="answered with a secret")
    due = owe(desk, "union")
    page = desk.client.get("/deliveries").text
    assert f'id="{arrived}"' in page
    assert f'id="{due}"' in page
    assert "hidden in the payload" not in page
    assert "answered with a secret" not in page


def test_what_is_held_has_its_reason_and_what_to_do(desk: Desk) -> None:
    owe(desk)
    owe(desk, subject="2")
    try_all(desk, "gone", "it answered <410> Gone")
    page = desk.client.get("/deliveries?state=held").text
    assert page.count("<strong>held</strong>: it answered &lt;410&gt; Gone") == 2
    assert "tocsin endpoints enable newsroom" in page
    assert (
        "tocsin endpoints enable newsroom" not in desk.client.get("/deliveries?endpoint=union").text
    )


def test_one_endpoint_or_state_can_be_looked_at_alone(desk: Desk) -> None:
    first, second = owe(desk), owe(desk, "union")
    page = desk.client.get("/deliveries?endpoint=union").text
    assert (f'id="{first}"' in page, f'id="{second}"' in page) == (False, True)
    assert '?endpoint=union&amp;state=due"' in page
    assert "There are no such deliveries" in desk.client.get("/deliveries?state=failed").text


@pytest.mark.parametrize("query", ["endpoint=nobody", "state=lost", "endpoint=%3Cscript%3E"])
def test_what_there_is_not_is_an_empty_page(desk: Desk, query: str) -> None:
    owe(desk)
    answer = desk.client.get(f"/deliveries?{query}")
    assert answer.status_code == 200
    assert "There are no such deliveries" in answer.text
    assert "<script" not in answer.text


def test_subscribers_of_the_hub_are_nobody_of_the_desks(desk: Desk) -> None:
    with desk.database._engine.writing() as session:
        receivers.enlist(session, "hub-1", "hub")
    owe(desk, "hub-1")
    assert "hub-1" not in desk.client.get("/deliveries").text
