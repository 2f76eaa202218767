"""Monitoring sees whether alerts arrive, and that silence is no news."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from feeds.web import create_app
from tests.desks import RULES, SECRET, at_work, polled, rss, write_desk
from tests.feeds.servers import Receiver, in_loop, respond, serving
from watcher.app import App, utc_now
from watcher.desk import reread

PROMISED = {
    "source_last_success_timestamp",
    "poll_total",
    "poll_seconds_bucket",
    "items_new_total",
    "match_total",
    "match_to_delivery_seconds_bucket",
    "delivery_total",
    "delivery_backlog",
    "delivery_oldest_due_seconds",
    "endpoint_disabled",
    "rules_load_ok",
    "tick_age_seconds",
    "engine_stalled_jobs",
    "parse_killed_total",
}
XML = "application/rss+xml; charset=utf-8"
NEWS = respond(body=rss(("1", "La Ley 32108"), ("2", "Otra")), content_type=XML)


def told(app: App) -> dict[tuple[str, ...], float]:
    """Return each sample that `/metrics` shows: its name and its labels' values, and its value."""
    web = create_app(
        app.database,
        lambda: app.state.catalogue,
        health=app.health,
        clock=utc_now,
        metrics=app.metrics.told,
    )
    with TestClient(web) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, *one.labels.values()): one.value for one in samples}


@in_loop
async def test_an_alert_is_counted_from_the_source_to_its_arrival(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(NEWS, respond(500)) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        await polled(app, "news")
        owed = told(app)
        await app.drainer.drain("newsroom")
        await polled(app, "news")
        counted = told(app)
    assert owed["delivery_backlog", "due"] == 1
    assert owed["delivery_oldest_due_seconds",] >= 0
    assert counted["delivery_backlog", "due"] == 0
    assert counted["items_new_total",] == 2
    assert counted["match_total", "law-32108"] == 1
    assert (counted["poll_total", "news"], counted["poll_total", "failed"]) == (1, 1)
    assert counted["poll_seconds_count",] == 2
    assert counted["delivery_total", "taken"] == 1
    assert counted["match_to_delivery_seconds_count",] == 1
    assert counted["match_to_delivery_seconds_bucket", "86400.0"] == 1
    age = utc_now().timestamp() - counted["source_last_success_timestamp", "news"]
    assert 0 <= age < 600
    assert {name for name, *_ in counted} >= PROMISED
    assert not [name for name, *_ in counted if name.endswith("_created")]


@in_loop
async def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    async with (
        serving(respond(410)) as endpoint,
        serving(NEWS) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        well = told(app)
        await polled(app, "news")
        await app.drainer.drain("newsroom")
        lost = app.database.claim("articles", utc_now(), timedelta(0), due_only=False)
        assert lost is not None
        (tmp_path / "rules" / "rules.yaml").write_text(RULES + "  - id: ?\n")
        await app.take_in(reread(app.state))
        ill = told(app)
    seen = ["rules_load_ok", "engine_stalled_jobs"]
    assert [well[name,] for name in seen] == [1, 0]
    assert [ill[name,] for name in seen] == [0, 1]
    assert well["endpoint_disabled", "newsroom"] == 0
    assert ill["endpoint_disabled", "newsroom"] == 1
    assert ill["delivery_total", "gone"] == 1
    assert ill["delivery_backlog", "held"] == 1


@in_loop
async def test_a_receiver_that_does_not_answer_is_counted(tmp_path: Path) -> None:
    async with (
        serving(NEWS) as server,
        at_work(
            write_desk(tmp_path, feeds={"news": server.url}, receiver="http://127.0.0.1:1/")
        ) as app,
    ):
        await polled(app, "news")
        await app.drainer.drain("newsroom")
        assert told(app)["delivery_total", "unanswered"] == 1


@in_loop
async def test_a_private_rule_is_not_named(tmp_path: Path) -> None:
    folder = write_desk(tmp_path)
    with (folder / "tocsin.toml").open("a") as settings:
        settings.write('[feeds.own]\ntitle = "Own"\nrules = ["extortion"]\nprivate = true\n')
    async with at_work(folder) as app:
        counted = told(app)
    assert ("match_total", "law-32108") in counted
    assert ("match_total", "extortion") not in counted
