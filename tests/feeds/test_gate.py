"""Nobody reaches a desk by a name that is not its own, and browsers are kept strict everywhere."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from feeds.gate import Gate
from tests.feeds.test_web import FEED, Desk


@pytest.fixture
def gated(desk: Desk) -> TestClient:
    return TestClient(Gate(desk.client.app, {"alerts.example.org", "0.0.0.0"}))


@pytest.mark.parametrize(
    "host",
    [
        "alerts.example.org",
        "ALERTS.example.org:443",
        "alerts.example.org.",
        "localhost:8765",
        "127.0.0.1:8765",
        "192.168.1.7",
        "[::1]:8765",
    ],
)
def test_a_desk_answers_to_its_names_and_to_bare_addresses(gated: TestClient, host: str) -> None:
    for path in ("/", FEED, "/livez", "/api/v1/feeds"):
        assert gated.get(path, headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "alerts.example.org.evil.example",
        "xalerts.example.org",
        "127.0.0.1.evil.example",
        "evil.example:8765",
        "[::1",
        "localhost@evil.example",
        "2130706433x",
    ],
)
def test_a_name_of_others_gets_nothing_but_what_to_do(gated: TestClient, host: str) -> None:
    for path in ("/", FEED, "/api/v1/feeds", "/hub", "/static/site.css"):
        answer = gated.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert "[server] hosts" in answer.text
    assert gated.post("/api/v1/entries", headers={"host": host}).status_code == 421


PATHS = [
    "/",
    "/topics/law-32108",
    "/topics/nothing",
    "/matches/nothing",
    "/sources",
    "/rules",
    "/deliveries",
    "/timeline",
    "/health",
    "/docs",
    "/openapi.json",
    "/api/v1/matches",
    "/api/v1/matches?limit=0",
    "/livez",
    "/readyz",
    "/feeds/nothing.atom",
    "/private/x/",
    "/nothing/at/all",
    FEED,
    "/feeds.opml",
    "/static/site.css",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_keeps_browsers_strict(desk: Desk, path: str) -> None:
    answer = desk.client.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    if path.startswith(("/feeds.", "/static")) or path == FEED:
        return
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy
