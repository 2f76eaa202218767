"""The same story in several outlets is one alert and one entry of the feed, which names them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from feeds.publish import publish
from store import Published
from tests.desks import RULES, SECRET, at_work, polled, write_desk
from tests.feeds.servers import Receiver, in_loop, respond, serving
from watcher.app import App
from watcher.clock import utc_now

AGENCY = (
    "Los gremios de transportistas volvieron a marchar contra la Ley 32108 y dejaron vacías las"
    " avenidas del norte de Lima. La policía contó once bloqueos hasta el mediodía."
)
COPIES = {
    "uno": ("Transportistas marchan contra la Ley 32108", AGENCY),
    "dos": ("Avenidas vacías en el norte de Lima", f"Lima, 12 nov (EFE).- {AGENCY}"),
    "tres": ("Once bloqueos en Lima", f"{AGENCY} Suscríbete a nuestro boletín."),
}
ANOTHER = ("Otra marcha", AGENCY.replace("once", "siete").replace("mediodía", "anochecer"))


def an_item(name: str, title: str, text: str, more: str = "") -> str:
    item = f"<item><guid>{name}</guid><link>https://{name}.example.pe/nota</link>{more}"
    return f"{item}<title>{title}</title><description>{text}</description></item>"


def of_items(*items: str) -> bytes:
    channel = f"<title>News</title>{''.join(items)}"
    body = f'<?xml version="1.0"?><rss version="2.0"><channel>{channel}</channel></rss>'
    return respond(body=body.encode(), content_type="application/rss+xml; charset=utf-8")


def a_feed(name: str, title: str, text: str) -> bytes:
    return of_items(an_item(name, title, text))


def matches(app: App, rule: str = "law-32108") -> Sequence[Published]:
    return app.database.published([rule], 100)


async def told(
    folder: Path, receiver: Receiver, names: Sequence[str], rules: str = RULES, settings: str = ""
) -> list[Published]:
    """Return the matches of a desk that reads these outlets in this order, after all deliveries."""
    outlets = {**COPIES, "otro": ANOTHER}
    async with serving(receiver) as endpoint:
        servers = {name: serving(a_feed(name, *outlets[name])) for name in names}
        urls = {name: (await server.__aenter__()).url for name, server in servers.items()}
        write_desk(folder, feeds=urls, receiver=endpoint.url, rules=rules)
        with (folder / "tocsin.toml").open("a", encoding="utf-8") as file:
            file.write(settings)
        async with at_work(folder) as app:
            for name in names:
                await polled(app, name)
            await app.engine.settle(timedelta(seconds=10))
            await app.drainer.drain("newsroom")
            found = list(matches(app))
        for server in servers.values():
            await server.__aexit__(None, None, None)
    return found


def asking(copies: str) -> str:
    return RULES.replace("    query: law:32108\n", f"    query: law:32108\n    copies: {copies}\n")


@pytest.mark.parametrize("order", list(permutations(COPIES)))
@in_loop
async def test_whoever_is_first_is_told_and_the_others_join(
    tmp_path: Path, order: Sequence[str]
) -> None:
    receiver = Receiver(secret=SECRET)
    (match,) = await told(tmp_path, receiver, order)
    assert len(receiver.taken) == 1
    assert match.entry.source == order[0]
    assert [outlet.name for outlet in match.outlets] == list(order[1:])
    assert match.updated_at > match.matched_at


@in_loop
async def test_a_near_copy_with_another_number_is_told(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    assert len(await told(tmp_path, receiver, ["uno", "otro", "dos"])) == 2
    assert len(receiver.taken) == 2


@pytest.mark.parametrize(
    ("rules", "settings", "alerts"),
    [
        (asking("silent"), "", 1),
        (asking("new-terms"), "", 1),
        (asking("new-terms").replace("law:32108\n", "law:32108 OR boletin\n"), "", 2),
        (asking("each"), "", 3),
        (RULES, "[stories]\njoin = false\n", 3),
    ],
    ids=["silent", "no new term", "a new term", "each", "switched off"],
)
@in_loop
async def test_a_copy_is_told_where_it_is_asked_for(
    tmp_path: Path, rules: str, settings: str, alerts: int
) -> None:
    receiver = Receiver(secret=SECRET)
    found = await told(tmp_path, receiver, ["uno", "dos", "tres"], rules, settings)
    assert len(receiver.taken) == alerts
    assert len(found) == alerts


@in_loop
async def test_a_copy_that_another_rule_names_is_told_by_that_rule(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    another = "  - id: boletin\n    query: boletin\n    notify: [newsroom]\n"
    await told(tmp_path, receiver, ["uno", "dos", "tres"], RULES + another)
    events = [json.loads(body) for _, body in receiver.taken]
    assert [event["data"]["rule"]["id"] for event in events] == ["law-32108", "boletin"]


@in_loop
async def test_each_outlet_with_a_copy_counts_towards_an_escalation(tmp_path: Path) -> None:
    receiver = Receiver(secret=SECRET)
    when = "[{endpoint: newsroom, when: {sources: 3, within: 6h}}]"
    rules = RULES.replace("[newsroom]", when)
    (match,) = await told(tmp_path, receiver, ["uno", "dos", "tres"], rules)
    ((_, body),) = receiver.taken
    assert json.loads(body)["data"]["escalation"]["sources"] == ["dos", "tres", "uno"]
    assert len(match.outlets) == 2


@in_loop
async def test_a_copy_that_is_edited_stays_silent_and_leaves_when_it_matches_no_more(
    tmp_path: Path,
) -> None:
    receiver = Receiver(secret=SECRET)
    title, text = COPIES["dos"]
    states = [
        a_feed("dos", title, text),
        a_feed("dos", title, f"{text} Habrá otra marcha."),
        a_feed("dos", title, "Nota retirada por la redacción"),
    ]
    async with (
        serving(a_feed("uno", *COPIES["uno"])) as one,
        serving(*states) as two,
        serving(receiver) as endpoint,
        at_work(
            write_desk(tmp_path, feeds={"uno": one.url, "dos": two.url}, receiver=endpoint.url)
        ) as app,
    ):
        await polled(app, "uno")
        outlets = []
        for _ in states:
            await polled(app, "dos")
            outlets.append(len(matches(app)[0].outlets))
        assert outlets == [1, 1, 0]
        await app.engine.settle(timedelta(seconds=10))
        await app.drainer.drain("newsroom")
    assert len(receiver.taken) == 1


@in_loop
async def test_a_rule_asked_anew_finds_stories_and_not_copies(tmp_path: Path) -> None:
    async with (
        serving(a_feed("uno", *COPIES["uno"])) as one,
        serving(a_feed("dos", *COPIES["dos"])) as two,
    ):
        desk = write_desk(tmp_path, feeds={"uno": one.url, "dos": two.url})
        async with at_work(desk) as app:
            await polled(app, "uno")
            await polled(app, "dos")
        with (desk / "rules" / "rules.yaml").open("a") as rules:
            rules.write("  - id: bloqueos\n    query: bloqueos\n")
        async with at_work(desk) as app:
            await app.rejudge()
            (match,) = matches(app, "bloqueos")
            assert len(match.outlets) == 1
            assert app.database.publication(match.id) == match


@in_loop
async def test_what_one_source_passes_on_at_once_is_one_alert_that_names_every_outlet(
    tmp_path: Path,
) -> None:
    # given a search whose links are all its own, so that names alone tell its outlets apart
    receiver = Receiver(secret=SECRET)
    items = [
        an_item("search", *COPIES[name], f"<source url='https://{name}.pe'>{name.title()}</source>")
        .replace("<guid>search", f"<guid>{name}")
        .replace("pe/nota", f"pe/read/{name}")
        for name in COPIES
    ]
    async with serving(of_items(*items)) as feed, serving(receiver) as endpoint:
        desk = write_desk(tmp_path, feeds={"search": feed.url}, receiver=endpoint.url)
        async with at_work(desk) as app:
            await polled(app, "search")
            await app.engine.settle(timedelta(seconds=10))
            await app.drainer.drain("newsroom")
            (match,) = matches(app)
    # then the last of the feed is the oldest, which the others join
    assert [outlet.name for outlet in match.outlets] == ["Dos", "Uno"]
    ((_, body),) = receiver.taken
    told = json.loads(body)["data"]
    assert told["entry"]["url"] == "https://search.example.pe/read/tres"
    assert told["outlets"] == [
        {
            "source": "search",
            "name": name,
            "title": COPIES[name.lower()][0],
            "url": f"https://search.example.pe/read/{name.lower()}",
            "seen": told["entry"]["seen"],
        }
        for name in ("Dos", "Uno")
    ]


@in_loop
async def test_a_static_site_shows_a_story_once_with_its_outlets(tmp_path: Path) -> None:
    desk, out = tmp_path / "desk", tmp_path / "site"
    (match,) = await told(desk, Receiver(secret=SECRET), ["uno", "dos", "tres"])
    async with at_work(desk) as app:
        publish(app.database, app.state.catalogue, out, utc_now())
        again = publish(app.database, app.state.catalogue, out, utc_now())
    assert again.written == 0
    (item,) = json.loads((out / "feeds" / "law-32108.json").read_text("utf-8"))["items"]
    assert [one["name"] for one in item["_tocsin"]["outlets"]] == ["dos", "tres"]
    for ending, mark in (("rss", "<item>"), ("atom", "<entry>")):
        body = (out / "feeds" / f"law-32108.{ending}").read_text("utf-8")
        assert body.count(mark) == 1
        assert "Also in: dos, tres" in body
    pages = sorted(path.parent.name for path in (out / "matches").glob("*/index.html"))
    assert match.id in pages
    page = (out / "matches" / match.id / "index.html").read_text("utf-8")
    assert "https://dos.example.pe/nota" in page
    assert "https://tres.example.pe/nota" in page
