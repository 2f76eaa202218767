"""A rule that is renamed on disk keeps its matches: no reader sees one twice, nobody is told twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from feeds.hub import asked_of
from rules import Entry
from store import Published
from tests.desks import RULES, SECRET, at_work, write_desk
from tests.feeds.servers import Asked, Receiver, in_loop, respond, serving
from watcher.app import App
from watcher.clock import utc_now
from watcher.desk import reread

LAW = "law-32108"


def rename(folder: Path, new: str, *formerly: str, extra: str = "") -> None:
    """Give the rule in *folder* the name *new*, as an editor does."""
    names = f"    formerly: [{', '.join(formerly)}]\n" if formerly else ""
    rules = RULES.replace(f"id: {LAW}\n", f"id: {new}\n{names}")
    if "newsroom" not in (folder / "tocsin.toml").read_text():
        rules = rules.replace("    notify: [newsroom]\n", "")
    (folder / "rules" / "rules.yaml").write_text(rules + extra, "utf-8")


async def renamed(app: App, new: str, *formerly: str, extra: str = "") -> None:
    rename(app.state.folder, new, *formerly, extra=extra)
    await app.take_in(reread(app.state))
    await app.rejudge()


async def found(app: App, *keys: str, text: str = "la Ley 32108") -> None:
    await app.take_entries("inbox", [Entry(key=key, title=f"{key}: {text}") for key in keys])
    await app.engine.settle(timedelta(seconds=20))
    await app.drainer.drain("newsroom")


def shown(app: App, rule: str) -> Sequence[Published]:
    return app.database.published([rule], 100)


@in_loop
async def test_nobody_sees_or_hears_of_a_match_again(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    events = '["match.created", "match.updated"]'
    async with (
        serving(receiver) as endpoint,
        at_work(write_desk(tmp_path, receiver=endpoint.url, events=events)) as app,
    ):
        # given two matches that were told, when their rule is renamed
        await found(app, "one", "two")
        before = {one.id: (one.seq, one.updated_at) for one in shown(app, LAW)}
        await renamed(app, "law", LAW)
        # then they are the matches of the new name, and are not told again
        assert {one.id: (one.seq, one.updated_at) for one in shown(app, "law")} == before
        assert shown(app, LAW) == ()
        await found(app, "one", "two")
        assert len(receiver.taken) == 2
        # and an edit is told of the same match, a new match of its own
        await found(app, "one", text="la Ley 32108 se discute")
        await found(app, "three")
        assert [event(body) for _, body in receiver.taken[2:]] == ["match.updated", "match.created"]
        assert {one.id for one in shown(app, "law")} >= before.keys()
        assert sorted(one.seq for one in shown(app, "law")) == [1, 2, 3]


def event(body: bytes) -> str:
    return body.partition(b'"type":')[2].split(b'"')[1].decode()


@in_loop
async def test_a_desk_that_was_down_while_its_rule_was_renamed_twice_knows_it(
    tmp_path: Path,
) -> None:
    async with at_work(write_desk(tmp_path)) as app:
        await found(app, "one")
        (before,) = shown(app, LAW)
    rename(tmp_path, "ley", LAW, "law")
    async with at_work(tmp_path) as app:
        await app.rejudge()
        assert [one.id for one in shown(app, "ley")] == [before.id]
        await renamed(app, LAW, "ley")
        assert [one.id for one in shown(app, LAW)] == [before.id]
        assert app.state.origins == {}


@in_loop
async def test_both_names_beside_one_another_are_two_rules(tmp_path: Path) -> None:
    old = f"  - {{id: {LAW}, query: 'law:32108'}}\n"
    async with at_work(write_desk(tmp_path)) as app:
        await found(app, "one")
        (before,) = shown(app, LAW)
        await renamed(app, "law", LAW, extra=old)
        assert [one.id for one in shown(app, LAW)] == [before.id]
        (other,) = shown(app, "law")
        assert other.id != before.id


@in_loop
async def test_subscribers_of_the_renamed_feed_are_sent_what_is_new(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def confirm(one: Asked) -> bytes:
        asked.append(one)
        query = parse_qs(urlsplit(one.target).query)
        return respond(body=query.get("hub.challenge", [""])[0].encode())

    folder = write_desk(tmp_path)
    with (folder / "tocsin.toml").open("a") as settings:
        settings.write("[hub]\nallow_private = true\n")
    async with serving(confirm) as server, at_work(folder) as app:
        base = app.state.catalogue.site.base_url
        form = {
            "hub.mode": "subscribe",
            "hub.topic": f"{base}/feeds/{LAW}.atom",
            "hub.callback": f"{server.url}/told",
        }
        assert await app.hub.ask(form)
        await app.engine.settle(timedelta(seconds=20))
        await found(app, "one")
        await renamed(app, "law", LAW)
        await app.hub.owe_changes()
        await app.engine.settle(timedelta(seconds=20))
        pushed = [one for one in asked if one.method == "POST"]
        assert len(pushed) == 1  # the name alone is no news
        await found(app, "two")
        pushed = [one for one in asked if one.method == "POST"]
        assert len(pushed) == 2
        assert b"two: la Ley 32108" in pushed[1].body
        assert f'<{base}/feeds/law.atom>; rel="self"' in pushed[1].headers["link"]
        # and the subscription can be renewed, and be ended
        assert await app.hub.ask(form)
        assert asked_of(form, base, utc_now()).topic == f"feeds/{LAW}.atom"
