"""Archives (RFC 5005, section 4): walking back from the live feed reaches every match once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feeds import shelf as shelves
from feeds.address import Part, part_at
from feeds.shelf import Shelf
from store import Poll
from store.database import Database
from tests.builders import BASE, NOON, a_catalogue, a_match, a_rule, a_source, an_entry, judged

ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"


class Desk:
    """A store with matches over some months, and its shelf."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open(f"sqlite:///{folder / 'tocsin.db'}")
        self.database.sync_sources([a_source()], NOON)
        self.database.sync_rules({"law-32108": ("v1", "L"), "extortion": ("v1", "E")})
        self.catalogue = a_catalogue(a_rule(), a_rule("extortion", "extorsion"))
        self.now = NOON
        self.shelf = Shelf(self.database, lambda: self.now)

    def find(
        self, at: datetime, *keys: str, rule: str = "law-32108", text: str = "Law 32108"
    ) -> None:
        claim = self.database.claim("green-left", at, timedelta(minutes=1), due_only=False)
        assert claim is not None
        found = tuple(judged(an_entry(key, text=text), a_match(rule)) for key in keys)
        self.database.commit(
            Poll(source="green-left", token=claim.token, at=at, next_poll_at=at, judged=found)
        )

    def get(self, path: str, query: str = ""):
        return self.shelf.document(self.catalogue, path.removeprefix(BASE), query)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with matches over months, for those who only read it."""
    made = Desk(tmp_path_factory.mktemp("archives"))
    over_months(made)
    yield made
    made.database.close()


def read(body: bytes, form: str) -> tuple[list[str], str | None]:
    """Return the ids of a document, and where the one before it stands."""
    if form == "json":
        feed = json.loads(body)
        return [item["id"] for item in feed["items"]], feed.get("next_url")
    tree = etree.fromstring(body)
    path = f"{ATOM}entry/{ATOM}id" if form == "atom" else "channel/item/guid"
    before = tree.xpath("//*[local-name()='link'][@rel='prev-archive']/@href")
    return [found.text for found in tree.findall(path)], before[0] if before else None


def walk(desk: Desk, form: str, start: str = "/feeds/law-32108", query: str = "") -> list[str]:
    """Return the ids that somebody sees who walks back from the live feed."""
    seen, address = [], f"{start}.{form}"
    while address:
        ids, address = read(desk.get(address, query).body, form)
        seen += ids
        query = ""
    return seen


def everything(desk: Desk, rule: str = "law-32108") -> list[str]:
    return sorted(f"urn:uuid:{one.id}" for one in desk.database.published([rule], 10_000))


def over_months(desk: Desk) -> None:
    """Find 263 matches in five of the last six months, some of them at one instant."""
    for months, count in ((5, 1), (4, 130), (3, 2), (1, 80), (0, 50)):
        at = (NOON - timedelta(days=30 * months)).replace(day=17)
        desk.find(at, *(f"{months}-{number}" for number in range(count)))


@pytest.mark.parametrize("form", ["atom", "rss", "json"])
@pytest.mark.parametrize("query", ["", "n=7", "n=1"])
def test_walking_back_reaches_every_match_once(filled: Desk, form: str, query: str) -> None:
    seen = walk(filled, form, query=query)
    assert len(seen) == 263
    assert sorted(seen) == everything(filled)


def test_a_busy_month_is_cut_into_archives_of_a_bounded_length(
    filled: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "MOST_ARCHIVED", 40)
    fresh = Shelf(filled.database, lambda: NOON)
    monkeypatch.setattr(filled, "shelf", fresh)
    seen = walk(filled, "atom")
    assert len(seen) == 263
    assert sorted(seen) == everything(filled)


def test_walking_back_misses_nothing_that_is_edited_or_found_meanwhile(desk: Desk) -> None:
    over_months(desk)
    before = everything(desk)
    chance = random.Random(1)
    seen, address, step = [], "/feeds/law-32108.atom", 0
    while address:
        ids, address = read(desk.get(address).body, "atom")
        seen += ids
        step += 1
        desk.find(NOON + timedelta(minutes=step), f"new-{step}", f"newer-{step}")
        old = f"4-{chance.randrange(130)}"
        desk.find(NOON + timedelta(minutes=step, seconds=1), old, text=f"Law 32108, edit {step}")
    assert set(before) == set(seen)
    assert len(seen) == len(set(seen))


def test_an_edit_comes_again_in_the_live_feed_and_stays_in_its_month(desk: Desk) -> None:
    over_months(desk)
    edited = read(desk.get("/feeds/law-32108/2026-07.atom").body, "atom")[0][0]
    desk.find(NOON, "4-129", text="Law 32108, edited")
    assert read(desk.get("/feeds/law-32108.atom").body, "atom")[0][0] == edited
    assert edited in read(desk.get("/feeds/law-32108/2026-07.atom").body, "atom")[0]
    assert sorted(set(walk(desk, "atom"))) == everything(desk)


def test_an_archive_holds_the_same_matches_for_ever(desk: Desk) -> None:
    over_months(desk)
    _, address = read(desk.get("/feeds/law-32108.atom").body, "atom")
    first, _ = read(desk.get(address).body, "atom")
    month, _ = read(desk.get("/feeds/law-32108/2026-07.atom").body, "atom")
    desk.find(NOON + timedelta(hours=1), *map(str, range(150)))
    desk.now = NOON + timedelta(days=60)
    assert read(desk.get(address).body, "atom")[0] == first
    assert read(desk.get("/feeds/law-32108/2026-07.atom").body, "atom")[0] == month


def test_archives_name_the_live_feed_and_their_neighbours(filled: Desk) -> None:
    for form in ("atom", "rss"):
        tree = etree.fromstring(filled.get(f"/feeds/law-32108/2026-10.{form}").body)
        links = {
            link.get("rel"): link.get("href")
            for link in tree.xpath("//*[local-name()='link'][@rel]")
            if link.getparent().tag in {f"{ATOM}feed", "channel"}
        }
        at = f"{BASE}/feeds/law-32108"
        assert links == {
            "self": f"{at}/2026-10.{form}",
            "alternate": f"{BASE}/topics/law-32108",
            "current": f"{at}.{form}",
            "prev-archive": f"{at}/2026-08.{form}",
            "next-archive": f"{at}/2026-11.{form}",
        } or (form == "rss" and "alternate" not in links)
        assert tree.find(f".//{HISTORY}archive") is not None
    live = etree.fromstring(filled.get("/feeds/law-32108.atom").body)
    assert live.find(f"{HISTORY}archive") is None
    assert live.findtext(f"{ATOM}id") == tree_id(filled, "/feeds/law-32108/2026-10.atom")


def tree_id(desk: Desk, path: str) -> str:
    return etree.fromstring(desk.get(path).body).findtext(f"{ATOM}id")


def test_walking_forward_from_the_oldest_month_reaches_every_match_once(filled: Desk) -> None:
    seen, address = [], "/feeds/law-32108/2026-06.atom"
    while address:
        body = filled.get(address).body
        seen += read(body, "atom")[0]
        following = etree.fromstring(body).xpath("//*[@rel='next-archive']/@href")
        address = following[0] if following else None
    assert sorted(seen) == everything(filled)


def header(document, name: str) -> str:
    _, headers, _ = document.answer([])
    return dict(headers)[name.encode()].decode()


def test_a_month_that_is_over_is_kept_for_ever_the_present_one_is_not(filled: Desk) -> None:
    for path in (
        "/feeds/law-32108/2026-10.atom",
        read(filled.get("/feeds/law-32108.atom").body, "atom")[1],
    ):
        assert header(filled.get(path), "cache-control") == "public, max-age=31536000, immutable"
    for path in ("/feeds/law-32108/2026-11.atom", "/feeds/law-32108.atom"):
        assert header(filled.get(path), "cache-control") == "public, max-age=60"


@pytest.mark.parametrize(
    "path",
    [
        "/feeds/law-32108/2026-05.atom",
        "/feeds/law-32108/2026-12.atom",
        "/feeds/law-32108/2026-13.atom",
        "/feeds/law-32108/0000-01.atom",
        "/feeds/law-32108/9999-12.atom",
        "/feeds/law-32108/until-20261117T120000000000Z.atom",
        "/feeds/law-32108/until-20269917T120000000000Z.atom",
        "/feeds/extortion/2026-10.atom",
        "/feeds/nothing/2026-10.atom",
        "/feeds/law-32108/2026-10.pdf",
        "/feeds/health/2026-10.atom",
    ],
)
def test_there_is_no_archive_where_nothing_was_found(filled: Desk, path: str) -> None:
    assert filled.get(path) is None


def test_a_feed_with_little_in_it_has_no_archives(desk: Desk) -> None:
    desk.find(NOON, "1", "2")
    assert read(desk.get("/feeds/law-32108.atom").body, "atom")[1] is None
    assert b"next_url" not in desk.get("/feeds/law-32108.json").body


def test_a_feed_of_two_rules_has_archives_of_both(desk: Desk) -> None:
    over_months(desk)
    desk.find(NOON - timedelta(days=62), "x", "y", rule="extortion")
    seen = walk(desk, "rss", "/feeds/all")
    assert sorted(seen) == sorted([*everything(desk), *everything(desk, "extortion")])


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(9998, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    st.sampled_from(["rss", "atom", "json"]),
)
@settings(max_examples=50)
def test_every_address_of_a_part_leads_to_it(at: datetime, ending: str) -> None:
    for part in (Part(name="x"), Part.month("x", at), Part.before("x", at)):
        assert part_at(part.path(ending)) == (part, ending)
