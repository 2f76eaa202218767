"""A static site works wherever it is put: every link in it leads somewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from feeds.publish import publish
from tests.builders import BASE, NOON, a_catalogue, a_rule
from tests.feeds.test_archives import Desk, everything, read

PLACE = "/some/where"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Hosted:
    """A site in a folder, that a web host serves below a path of its own."""

    out: Path
    base: str
    matches: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    folder = tmp_path_factory.mktemp("static")
    out = folder / "www" / PLACE.strip("/")
    out.mkdir(parents=True)
    handler = partial(Quiet, directory=folder / "www")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    desk = Desk(folder)
    for days, count in ((70, 2), (40, 52), (0, 52)):
        desk.find(NOON - timedelta(days=days), *(f"{days}-{n}" for n in range(count)))
    base = f"http://127.0.0.1:{server.server_port}{PLACE}"
    desk.catalogue = replace(desk.catalogue, site=replace(desk.catalogue.site, base_url=base))
    publish(desk.database, desk.catalogue, out, NOON)
    yield Hosted(out, base, everything(desk))
    desk.database.close()
    server.shutdown()
    server.server_close()


def get(connection: HTTPConnection, url: str) -> bytes:
    connection.request("GET", urlsplit(url).path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status == 301:
        return get(connection, urljoin(url, answer.headers["location"]))
    assert answer.status == 200, url
    return body


def links(url: str, body: bytes) -> set[str]:
    """Return where a document leads to, in pages, feeds, OPML and to style sheets."""
    text = body.decode()
    if url.endswith(".json"):
        return set(re.findall(rf'(http://127.0.0.1:\d+{PLACE}[^"\\#]*)', text))
    found = re.findall(r'(?:href|xmlUrl|htmlUrl|url)="([^"]+)"|<(?:link|id)>([^<]+)<', text)
    return {urldefrag(urljoin(url, one or other)).url for one, other in found}


def test_every_link_leads_somewhere_under_any_address(site: Hosted) -> None:
    connection = HTTPConnection(urlsplit(site.base).netloc)
    seen: set[str] = set()
    waiting = {f"{site.base}/"}
    while waiting:
        url = waiting.pop()
        seen.add(url)
        found = {one for one in links(url, get(connection, url)) if one.startswith(site.base)}
        waiting |= found - seen
    connection.close()
    reached = {url.removesuffix("/index.html").rpartition("/matches/")[2] for url in seen}
    assert {match.removeprefix("urn:uuid:") for match in site.matches} <= reached


def test_pages_hold_no_address_of_their_own_site(site: Hosted) -> None:
    for page in site.out.rglob("*.html"):
        assert site.base not in page.read_text("utf-8"), page


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
def test_archives_are_written_and_lead_back_to_every_match(site: Hosted, form: str) -> None:
    seen: list[str] = []
    address: str | None = f"{site.base}/feeds/law-32108.{form}"
    while address:
        ids, address = read((site.out / address.removeprefix(f"{site.base}/")).read_bytes(), form)
        seen += ids
    assert sorted(seen) == site.matches


def test_an_archive_of_the_past_is_not_written_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.find(NOON - timedelta(days=70), "old", "older")
    out = tmp_path / "site"
    publish(desk.database, desk.catalogue, out, NOON)
    month = out / "feeds" / "law-32108" / "2026-09.atom"
    before = month.stat()
    desk.find(NOON + timedelta(hours=1), "new")
    done = publish(desk.database, desk.catalogue, out, NOON + timedelta(hours=1))
    after = month.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert done.unchanged > 0
    desk.database.close()


def test_a_renamed_feed_stands_at_its_old_address_too_and_says_where_it_is_now(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.find(NOON, "one")
    out = tmp_path / "site"
    renamed = a_catalogue(a_rule(formerly=("ley", "law")))
    publish(desk.database, renamed, out, NOON)
    for form in ("atom", "rss", "json"):
        old = (out / "feeds" / f"ley.{form}").read_bytes()
        assert old == (out / "feeds" / f"law-32108.{form}").read_bytes()
        assert f"{BASE}/feeds/law-32108.{form}".encode() in old
    page = (out / "topics" / "ley" / "index.html").read_text("utf-8")
    (forward,) = re.findall(r'content="0; url=([^"]+)"', page)
    assert {forward} == set(re.findall(r'<link rel="canonical" href="([^"]+)"', page))
    at = f"{BASE}{PLACE}/topics/ley/index.html"
    assert urljoin(at, forward) == f"{BASE}{PLACE}/topics/law-32108/index.html"
    assert publish(desk.database, renamed, out, NOON).written == 0
    # and once the desk does not name the old id any more, it is gone
    kept = a_catalogue(a_rule(formerly=("law",)))
    assert publish(desk.database, kept, out, NOON).removed == 4
    assert not (out / "topics" / "ley").exists()
    assert (out / "feeds" / "law.atom").exists()
    desk.database.close()
