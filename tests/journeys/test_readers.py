"""Readers of others subscribe to what a running desk publishes."""

from __future__ import annotations

import json
import mailbox
import sqlite3
import subprocess
from collections.abc import Iterator
from email.header import decode_header, make_header
from pathlib import Path

import pytest

from tests.journeys.running import Running, eventually, needed, node, running, tocsin

FEEDS = ("law-32108", "extortion", "national-strike", "peru", "all")
TOPICS = FEEDS[:3]
"""newsboat keeps one item for each id: what stands in two feeds, it shows in one of them."""
Items = list[tuple[str, str]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The starter desk at work, its local sources read."""
    folder = tmp_path_factory.mktemp("readers") / "desk"
    assert tocsin("init", str(folder), cwd=folder.parent).returncode == 0
    with running(folder) as at_work:
        eventually(lambda: len(at_work.items("extortion")) >= 3)
        yield at_work


def published(desk: Running, feed: str) -> Items:
    return sorted((item["title"], item["url"]) for item in desk.items(feed))


@pytest.mark.parametrize("form", ["rss", "atom"])
@pytest.mark.parametrize("feed", FEEDS)
def test_rss_parser_sees_what_is_published(desk: Running, feed: str, form: str) -> None:
    command = [*node("read.mjs"), f"{desk.url}/feeds/{feed}.{form}"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    read = json.loads(done.stdout)
    assert sorted((item["title"], item["link"]) for item in read) == published(desk, feed)
    assert [item["id"] for item in read] == [item["id"] for item in desk.items(feed)]


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_sfeed_sees_what_is_published_and_nothing_new_the_second_time(
    desk: Running, form: str, tmp_path: Path
) -> None:
    needed("curl")
    lines = "".join(f'feed "{feed}" "{desk.url}/feeds/{feed}.{form}"\n' for feed in FEEDS)
    config = tmp_path / "sfeedrc"
    config.write_text(f'sfeedpath="{tmp_path}/feeds"\nfeeds() {{\n{lines}}}\n')
    seen = []
    for _ in range(2):
        update = [needed("sfeed_update"), str(config)]
        subprocess.run(update, check=True, timeout=60, capture_output=True)
        seen.append({feed: (tmp_path / "feeds" / feed).read_text() for feed in FEEDS})
    assert seen[0] == seen[1]
    for feed in FEEDS:
        rows = [line.split("\t") for line in seen[0][feed].splitlines()]
        assert sorted((row[1], row[2]) for row in rows) == published(desk, feed)
        assert {row[5] for row in rows} == {item["id"] for item in desk.items(feed)}


@pytest.mark.parametrize("form", ["rss", "atom"])
@pytest.mark.parametrize("feeds", [TOPICS, ("peru",), ("all",)])
def test_newsboat_sees_what_is_published_and_nothing_new_the_second_time(
    desk: Running, form: str, feeds: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "urls").write_text("".join(f"{desk.url}/feeds/{feed}.{form}\n" for feed in feeds))
    (tmp_path / "config").write_text("")
    places = ["-u", "urls", "-c", "cache.db", "-C", "config"]
    seen = []
    for _ in range(2):
        reload = [needed("newsboat"), *places, "-x", "reload"]
        environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
        subprocess.run(
            reload, check=True, timeout=60, cwd=tmp_path, env=environ, capture_output=True
        )
        with sqlite3.connect(tmp_path / "cache.db") as cache:
            query = "SELECT feedurl, guid, title, url FROM rss_item ORDER BY 1, 2"
            seen.append(cache.execute(query).fetchall())
        cache.close()
    assert seen[0] == seen[1]
    for feed in feeds:
        address = f"{desk.url}/feeds/{feed}.{form}"
        rows = [row for row in seen[0] if row[0] == address]
        assert sorted((row[2], row[3]) for row in rows) == published(desk, feed)


def test_newsboat_imports_the_list_of_all_feeds(desk: Running, tmp_path: Path) -> None:
    (tmp_path / "feeds.opml").write_bytes(desk.get("/feeds.opml"))
    places = ["-u", str(tmp_path / "urls"), "-c", "cache.db", "-C", "config"]
    (tmp_path / "config").write_text("")
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TERM": "dumb"}
    imported = [needed("newsboat"), *places, "-i", "feeds.opml"]
    subprocess.run(imported, check=True, timeout=60, cwd=tmp_path, env=environ, capture_output=True)
    listed = (tmp_path / "urls").read_text().splitlines()
    assert sum(f"{desk.url}/feeds/" in line for line in listed) == 7


def test_rss2email_mails_each_item_once(desk: Running, tmp_path: Path) -> None:
    places = ["-c", str(tmp_path / "r2e.cfg"), "-d", str(tmp_path / "r2e.json")]
    command = [needed("r2e"), *places]
    mails = tmp_path / "mails"
    (tmp_path / "r2e.cfg").write_text(
        "[DEFAULT]\nfrom = desk@example.org\nto = me@example.org\nemail-protocol = maildir\n"
        f"maildir-path = {tmp_path}\nmaildir-mailbox = mails\n"
    )
    mailbox.Maildir(mails, create=True)
    for feed in TOPICS:
        add = [*command, "add", feed, f"{desk.url}/feeds/{feed}.atom"]
        subprocess.run(add, check=True, timeout=60, capture_output=True)
    counts = []
    for _ in range(2):
        subprocess.run([*command, "run"], check=True, timeout=60, capture_output=True)
        counts.append(len(mailbox.Maildir(mails)))
    subjects = sorted(
        str(make_header(decode_header(mail["subject"]))) for mail in mailbox.Maildir(mails)
    )
    expected = sorted(title for feed in TOPICS for title, _ in published(desk, feed))
    assert counts[0] == counts[1] == len(expected)
    assert [" ".join(subject.split()) for subject in subjects] == expected
