"""Programs hand articles in with a token; what they bring is stored, matched and told at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from feeds.api import router
from feeds.web import create_app
from tests.desks import at_work, titles, write_desk
from tests.feeds.servers import in_loop
from watcher.app import App
from watcher.clock import utc_now

TOKEN = "a-token-of-more-than-twenty-characters"
LAW = {"title": "Nota", "text": "La Ley N.° 32108 cumple un año", "url": "https://a.example/1"}


def web(app: App, token: str = TOKEN) -> FastAPI:
    return create_app(
        app.database,
        lambda: app.state.catalogue,
        health=app.health,
        clock=utc_now,
        metrics=app.metrics.told,
        doors=[router(token, app.source_names, app.take_entries)],
    )


class Caller:
    def __init__(self, app: App, token: str = TOKEN) -> None:
        self.client = TestClient(web(app, token))

    def post(self, body: object, token: str = TOKEN):
        headers = {"authorization": f"Bearer {token}".encode("latin-1")} if token else {}
        return self.client.post("/api/v1/entries", json=body, headers=headers)


@in_loop
async def test_an_article_is_taken_in_once_and_its_edit_is_an_edit(tmp_path: Path) -> None:
    async with at_work(write_desk(tmp_path)) as app:
        caller = Caller(app)
        assert caller.post(LAW).json() == {"new": 1, "revised": 0, "matched": 1}
        assert caller.post(LAW).json() == {"new": 0, "revised": 0, "matched": 0}
        edited = {**LAW, "text": "La Ley 32108 fue derogada"}
        assert caller.post(edited).json() == {"new": 0, "revised": 1, "matched": 0}
        html = {
            "id": "x",
            "title": "y",
            "html": "<p>Ley <b>321</b>08</p><script>Ley 32108</script>",
        }
        assert caller.post([html, {"title": "Otra cosa"}]).json()["new"] == 2
        assert titles(app) == ["y", "Nota"]


@in_loop
async def test_a_call_without_the_token_is_refused(tmp_path: Path) -> None:
    async with at_work(write_desk(tmp_path)) as app:
        assert Caller(app).post(LAW, token="").status_code == 401
        wrong = Caller(app).post(LAW, token="á-wrong-token")
        assert wrong.status_code == 401
        assert wrong.headers["www-authenticate"] == "Bearer"
        closed = Caller(app, token="").post(LAW, token="")
        assert closed.status_code == 403
        assert "[api]" in closed.json()["detail"]
        assert titles(app) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"title": " "},
        {"text": "a", "unknown": 1},
        {"text": 7},
        {"text": "a", "published": "yesterday"},
        {"text": "a", "source": "nobody"},
        [{"text": "a"}] * 501,
    ],
    ids=str,
)  # fmt: skip
@in_loop
async def test_what_cannot_be_taken_in_is_refused_whole_with_its_reason(
    tmp_path: Path, body: object
) -> None:
    async with at_work(write_desk(tmp_path)) as app:
        refused = Caller(app).post([LAW, body] if isinstance(body, dict) else body)
        assert refused.status_code == 422
        (first, *_) = refused.json()["detail"]
        if isinstance(body, dict) and "source" not in body:
            assert first["loc"][:2] == ["body", 1]
        assert titles(app) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[{]", b'{"title": "caf\xe9"}', b'[{"title": "caf\xe9"}]', b"[" * 99_999, b"NaN"],
)
@in_loop
async def test_what_is_no_json_is_refused_and_says_so(tmp_path: Path, body: bytes) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with at_work(write_desk(tmp_path)) as app:
        refused = Caller(app).client.post("/api/v1/entries", content=body, headers=headers)
    assert refused.status_code == 422
    (fault,) = refused.json()["detail"]
    assert fault["loc"][0] == "body"


@in_loop
async def test_the_api_describes_itself(tmp_path: Path) -> None:
    async with at_work(write_desk(tmp_path)) as app:
        described = TestClient(web(app)).get("/openapi.json").json()
        assert set(described["paths"]) == {
            "/api/v1/entries",
            "/api/v1/feeds",
            "/api/v1/rules",
            "/api/v1/matches",
            "/api/v1/matches/{match}",
        }
        taken = described["paths"]["/api/v1/entries"]["post"]["requestBody"]["content"]
        one, several = taken["application/json"]["schema"]["anyOf"]
        assert one == several["items"] == {"$ref": "#/components/schemas/NewEntry"}
        assert "NewEntry" in described["components"]["schemas"]
        assert TestClient(web(app)).get("/docs").status_code == 200


@in_loop
async def test_what_is_handed_in_for_a_source_says_nothing_of_its_health(tmp_path: Path) -> None:
    async with at_work(write_desk(tmp_path, feeds={"news": "http://127.0.0.1:9/"})) as app:
        await app.poller.poll("news", due_only=False)
        before = app.database.source("news")
        assert Caller(app).post({**LAW, "source": "news"}).json()["new"] == 1
        after = app.database.source("news")
        assert (after.error, after.failures, after.next_poll_at) == (
            before.error,
            before.failures,
            before.next_poll_at,
        )
        assert after.entries == 1


@in_loop
async def test_half_a_character_is_replaced_and_a_refusal_repeats_nothing(tmp_path: Path) -> None:
    broken = r'{"title": "\ud83d Ley 32108", "text": "\udfff", "authors": ["\ud800"]}'
    odd = r'{"title": "x", "\ud83d": "a secret"}'
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with at_work(write_desk(tmp_path)) as app:
        taken, refused = (
            Caller(app).client.post("/api/v1/entries", content=body, headers=headers)
            for body in (broken, odd)
        )
        assert titles(app) == ["� Ley 32108"]
    assert (taken.status_code, taken.json()["matched"]) == (200, 1)
    assert refused.status_code == 422
    assert all(one["loc"] and one["msg"] for one in refused.json()["detail"])
    assert "a secret" not in refused.text
