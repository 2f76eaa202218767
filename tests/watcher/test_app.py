"""The parts joined: a real server on one side, a real receiver on the other, the store between."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.desks import RULES, SECRET, at_work, polled, rss, source, titles, write_desk
from tests.feeds.servers import Answer, Asked, Receiver, drip, in_loop, respond, serving
from watcher.app import App
from watcher.clock import utc_now
from watcher.desk import reread

LAW = ("1", "La Ley 32108")
XML = "application/rss+xml; charset=utf-8"


async def all_sent(app: App) -> None:
    """Let what runs end, then send what is due."""
    await app.engine.settle(timedelta(seconds=10))
    await app.drainer.drain("newsroom")


@in_loop
async def test_a_source_is_read_matched_published_and_sent_once(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(respond(body=rss(LAW, ("2", "Otra cosa")), content_type=XML)) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        first = await polled(app, "news")
        assert (first.committed.new, first.committed.matched) == (2, 1)
        await all_sent(app)
        again = await polled(app, "news")
        assert (again.committed.new, again.committed.matched) == (0, 0)
        await all_sent(app)
        assert titles(app) == ["La Ley 32108"]
    ((identity, body),) = receiver.taken
    said = json.loads(body)
    assert identity.startswith("msg_")
    assert said["type"] == "match.created"
    assert said["data"]["seq"] == 1
    assert said["data"]["entry"]["source"] == "news"
    place = said["data"]["because"][0]
    assert (place["quote"], place["field"]) == ("Ley 32108", "title")
    assert "La Ley 32108"[place["start"] : place["end"]] == place["quote"]


@in_loop
async def test_a_server_is_asked_with_what_it_gave_and_304_means_nothing_new(
    tmp_path: Path,
) -> None:
    tag, date = 'W/"ä, 1"', "Tue, 24 Nov 2026 10:00:00 GMT"

    def answer(asked: Asked) -> bytes:
        if asked.headers.get("if-none-match"):
            return respond(304)
        return respond(body=rss(LAW), content_type=XML, etag=tag, last_modified=date)

    async with (
        serving(answer) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        second = await polled(app, "news")
    assert second.error == ""
    asked = server.asked[1].headers
    assert asked["if-none-match"].encode("latin-1") == tag.encode("latin-1")
    assert asked["if-modified-since"] == date
    assert "tocsin/" in asked["user-agent"]


@in_loop
async def test_a_feed_that_empties_or_shows_a_web_page_and_comes_back_is_told_once(
    tmp_path: Path,
) -> None:
    receiver = Receiver(secret=SECRET)
    full = respond(body=rss(LAW, ("2", "La Ley 32108 otra vez")), content_type=XML)
    empty = respond(body=rss(), content_type=XML)
    page = respond(body=b"<!doctype html><p>Back soon</p>", content_type="text/html")
    async with (
        serving(full, empty, page, full) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        errors = []
        for _ in range(4):
            errors.append(bool((await polled(app, "news")).error))
            await all_sent(app)
        assert errors == [False, False, True, False]
        assert len(titles(app)) == 2
    assert len(receiver.taken) == 2


@in_loop
async def test_the_backlog_of_a_feed_with_ten_thousand_items_is_found_and_alerts_nobody(
    tmp_path: Path,
) -> None:
    items = [(str(number), f"{number}: la Ley 32108") for number in range(10_000)]
    receiver = Receiver(secret=SECRET)
    async with (
        serving(respond(body=rss(*items), content_type=XML), respond(body=rss(LAW))) as server,
        serving(receiver) as endpoint,
        at_work(
            write_desk(
                tmp_path,
                feeds={"news": server.url},
                receiver=endpoint.url,
                options="alert_since: added",
            )
        ) as app,
    ):
        first = await polled(app, "news")
        await all_sent(app)
        assert (first.error, first.committed.new) == ("", 5_000)
        assert first.committed.matched == 5_000
        assert app.database.deliveries() == ()
    assert receiver.taken == []


@in_loop
async def test_the_same_bytes_are_not_parsed_again(tmp_path: Path) -> None:
    async with (
        serving(respond(body=rss(LAW), content_type=XML)) as server,
        at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
    ):
        await polled(app, "news")
        app.readers.close()
        assert (await polled(app, "news")).error == ""


BROKEN: list[tuple[Answer, str]] = [
    (respond(500), "500"),
    (respond(404), "404"),
    (respond(200, b"<!doctype html><p>Please log in</p>", content_type="text/html"), "web page"),
    (respond(200, b""), "empty"),
    (respond(200, b"\x1f\x8b\x08bad", content_encoding="gzip"), ""),
    (respond(200, rss(LAW)[:40], content_length="9999"), ""),
    (respond(302, location="file:///etc/passwd"), ""),
    (b"nonsense", ""),
]


@pytest.mark.parametrize(("answer", "reason"), BROKEN)
def test_a_source_that_fails_is_a_value_on_its_row_and_loses_nothing(
    tmp_path: Path, answer: Answer, reason: str
) -> None:
    @in_loop
    async def story() -> None:
        async with (
            serving(respond(body=rss(LAW), content_type=XML, etag='"1"'), answer) as server,
            at_work(write_desk(tmp_path, feeds={"news": server.url})) as app,
        ):
            await polled(app, "news")
            failed = await polled(app, "news")
            assert failed.error
            assert reason in failed.error
            row = source(app)
            assert (row.failures, row.error) == (1, failed.error)
            assert row.validators.etag == '"1"'
            assert row.next_poll_at > utc_now() + timedelta(minutes=4)
            assert titles(app) == ["La Ley 32108"]

    story()


@in_loop
async def test_a_server_that_asks_for_time_gets_it_and_one_that_is_gone_is_asked_no_more(
    tmp_path: Path,
) -> None:
    async with (
        serving(respond(503, retry_after="7200")) as busy,
        serving(respond(410)) as gone,
        at_work(write_desk(tmp_path, feeds={"busy": busy.url, "gone": gone.url})) as app,
    ):
        await polled(app, "busy")
        await polled(app, "gone")
        assert source(app, "busy").next_poll_at > utc_now() + timedelta(minutes=119)
        assert source(app, "gone").gone
        assert "find its new address" in source(app, "gone").error
        due = app.database.due_sources(utc_now() + timedelta(days=999), 10)
        assert "gone" not in [name for name, _ in due]


@in_loop
async def test_a_slow_source_delays_no_other(tmp_path: Path) -> None:
    slow = drip(b"x" * 1000, 0.5, first=b"HTTP/1.1 200 OK\r\n\r\n")
    async with (
        serving(slow) as tarpit,
        serving(respond(body=rss(LAW), content_type=XML)) as server,
        at_work(write_desk(tmp_path, feeds={"slow": tarpit.url, "news": server.url})) as app,
    ):
        await app.engine.ring("poll", "slow")
        await app.engine.ring("poll", "news")
        assert (await polled_when_free(app, "news")) == ["La Ley 32108"]
        assert app.engine.busy
        await app.engine.settle(timedelta(0))
        # What was given up is due again soon, not after its lease.
        assert source(app, "slow").next_poll_at < utc_now() + timedelta(seconds=15)


async def polled_when_free(app: App, name: str) -> list[str]:
    import asyncio

    async with asyncio.timeout(15):
        while not source(app, name).polled_at:
            await asyncio.sleep(0.02)
    return titles(app)


@in_loop
async def test_two_processes_on_one_store_poll_nothing_twice(tmp_path: Path) -> None:
    async with serving(respond(body=rss(LAW), content_type=XML)) as server:
        folder = write_desk(tmp_path, feeds={f"news-{n}": server.url for n in range(8)})
        async with at_work(folder) as one, at_work(folder) as two:
            import asyncio

            names = [name for name, _ in one.database.due_sources(utc_now(), 100)]
            await asyncio.gather(*(app.poller.poll(name) for name in names for app in (one, two)))
    assert len(server.asked) == 8


@in_loop
async def test_an_article_that_is_edited_updates_its_match_and_alerts_no_more(
    tmp_path: Path,
) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(
            respond(body=rss(LAW), content_type=XML),
            respond(body=rss(("1", "La Ley 32108, corregida")), content_type=XML),
            respond(body=rss(("1", "Otra ley")), content_type=XML),
        ) as server,
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        await polled(app, "news")
        assert (await polled(app, "news")).committed.revised == 1
        assert titles(app) == ["La Ley 32108, corregida"]
        await polled(app, "news")
        (match,) = app.database.published(["law-32108"], 10)
        assert match.lost
        await all_sent(app)
    assert len(receiver.taken) == 1


@in_loop
async def test_an_edit_is_told_word_by_word_to_those_who_want_it_and_so_is_a_lost_match(
    tmp_path: Path,
) -> None:
    receiver = Receiver(secret=SECRET)
    texts = ("La Ley 32108 rige", "La Ley 32108 ya no rige", "La ley ya no rige")
    events = '["match.updated"]'
    async with (
        serving(*(respond(body=rss(("1", text)), content_type=XML) for text in texts)) as server,
        serving(receiver) as endpoint,
        at_work(
            write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url, events=events)
        ) as app,
    ):
        for _ in texts:
            await polled(app, "news")
            await all_sent(app)
    edit, loss = (json.loads(body)["data"] for _, body in receiver.taken)
    assert [one["lost"] for one in (edit, loss)] == [False, True]
    assert edit["changes"] == [
        {"field": "title", "before": "", "after": "ya no ", "lead": "La Ley 32108 ", "tail": "rige"}
    ]
    assert [(one["before"], one["after"]) for one in loss["changes"]] == [("Ley 32108 ", "ley ")]
    assert (edit["seq"], loss["seq"], loss["because"]) == (1, 1, [])


@in_loop
async def test_a_folder_is_read_and_a_bad_file_in_it_harms_no_other(tmp_path: Path) -> None:
    folder = write_desk(tmp_path)
    (folder / "articles" / "good.txt").write_text("La Ley 32108")
    (folder / "articles" / "latin.txt").write_bytes(b"Extorsi\xf3n")
    (folder / "articles" / "photo.txt").write_bytes(b"\x89PNG\x00")
    (folder / "articles" / "empty.md").write_text(" ")
    (folder / "articles" / ".hidden.txt").write_text("La Ley 32108")
    async with at_work(folder) as app:
        done = await polled(app, "articles")
        assert done.committed.matched == 1
        for name, reason in (
            ("latin.txt", "not UTF-8"),
            ("photo.txt", "binary"),
            ("empty.md", "empty"),
        ):
            assert name in done.error
            assert reason in done.error
        (folder / "articles" / "latin.txt").write_text("Extorsión")
        for name in ("photo.txt", "empty.md"):
            (folder / "articles" / name).unlink()
        mended = await polled(app, "articles")
        assert (mended.error, mended.committed.matched) == ("", 1)


@in_loop
async def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = write_desk(tmp_path)
    (folder / "articles").rmdir()
    async with at_work(folder) as app:
        assert "there is no folder articles" in (await polled(app, "articles")).error


@in_loop
async def test_a_killed_receiver_gets_the_same_id_and_bytes_later(tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []

    def refusing(asked: Asked) -> bytes:
        seen.append((asked.headers["webhook-id"], asked.body))
        return respond(500)

    receiver = Receiver(secret=SECRET)
    async with (
        serving(respond(body=rss(LAW), content_type=XML)) as server,
        serving(refusing, receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        await polled(app, "news")
        await all_sent(app)
        (delivery,) = app.database.deliveries()
        assert (delivery.state, delivery.attempts) == ("due", 1)
        assert delivery.due > utc_now() + timedelta(seconds=3)
        app.database.redeliver(delivery.id, utc_now())
        await all_sent(app)
    assert receiver.taken == seen


@in_loop
async def test_an_endpoint_that_is_gone_is_disabled_and_nothing_is_lost(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(respond(body=rss(LAW, ("2", "Leyes 32107 y 32108")), content_type=XML)) as server,
        serving(respond(410), respond(410), receiver) as endpoint,
        at_work(write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)) as app,
    ):
        await polled(app, "news")
        await all_sent(app)
        (health,) = app.database.endpoints()
        assert (health.disabled, health.held) == ("it answered 410 Gone", 2)
        app.database.enable_endpoint("newsroom", utc_now())
        await all_sent(app)
    assert len(receiver.taken) == 2


@in_loop
async def test_an_edited_rule_is_asked_about_stored_articles_too_without_alerts(
    tmp_path: Path,
) -> None:
    receiver = Receiver(secret=SECRET)
    async with (
        serving(respond(body=rss(LAW, ("2", "Los cupos")), content_type=XML)) as server,
        serving(receiver) as endpoint,
    ):
        folder = write_desk(tmp_path, feeds={"news": server.url}, receiver=endpoint.url)
        async with at_work(folder) as app:
            await polled(app, "news")
            await all_sent(app)
            edited = RULES.replace("query: law:32108", "query: law:32108 OR cupos")
            (folder / "rules" / "rules.yaml").write_text(edited)
            await app.take_in(reread(app.state))
            await all_sent(app)
            assert sorted(titles(app)) == ["La Ley 32108", "Los cupos"]
    assert len(receiver.taken) == 1


@in_loop
async def test_a_rule_file_that_is_refused_stands_in_the_health_feed_until_it_is_mended(
    tmp_path: Path,
) -> None:
    folder = write_desk(tmp_path)
    file = folder / "rules" / "rules.yaml"
    good = file.read_text("utf-8")
    async with at_work(folder) as app:
        for text in (good.replace("query:", "qeury:"), good):
            file.write_text(text, "utf-8")
            await app._reload(set())
            await app._reload(set())
        mended, refused = app.database.events(10)
        assert (refused.kind, mended.kind) == ("desk.refused", "desk.mended")
        assert refused.about == mended.about
        assert "line 5: R" in refused.words


@in_loop
async def test_a_rule_whose_first_asking_was_cut_short_is_asked_at_the_next_start(
    tmp_path: Path,
) -> None:
    folder = write_desk(tmp_path)
    (folder / "articles" / "a.txt").write_text("Los cupos suben")
    async with at_work(folder) as app:
        await polled(app, "articles")
        (folder / "rules" / "rules.yaml").write_text(
            "version: 1\nrules: [{id: law-32108, query: cupos}]\n"
        )
        app.engine.ring = nothing_rung  # type: ignore[method-assign]
        await app.take_in(reread(app.state))
    async with at_work(folder) as app:
        await app.engine.settle(timedelta(seconds=10))
        assert titles(app) == ["Los cupos suben"]


async def nothing_rung(kind: str, key: str) -> None:
    """Lose the bell, as a power cut would."""


@in_loop
async def test_a_rule_that_is_removed_takes_its_feed_along_and_keeps_its_matches(
    tmp_path: Path,
) -> None:
    folder = write_desk(tmp_path)
    (folder / "articles" / "a.txt").write_text("Extorsión")
    async with at_work(folder) as app:
        await polled(app, "articles")
        rules = RULES.partition("  - id: extortion")[0].replace("    notify: [newsroom]\n", "")
        (folder / "rules" / "rules.yaml").write_text(rules)
        await app.take_in(reread(app.state))
        assert "extortion" not in app.state.catalogue.feeds
        assert "extortion" in app.state.catalogue.retired
        assert titles(app, "extortion") == ["Extorsión"]


def test_the_health_of_a_desk_names_what_is_wrong(tmp_path: Path) -> None:
    @in_loop
    async def story() -> None:
        async with at_work(write_desk(tmp_path)) as app:
            assert app.health().ready
            app.engine._beaten -= 60
            health = app.health()
            assert not health.ready
            assert "has not beaten for" in health.reasons[0]

    story()
