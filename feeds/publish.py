"""Writes everything that is published as a static site, for any web host."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

from feeds.address import LIVE, Part
from feeds.catalogue import HEALTH, Catalogue
from feeds.pages import REVISIONS, Pages, Topic, counted, first_day
from feeds.shelf import RENDERERS, Shelf, present, topics
from feeds.timeline import Timeline
from rules import OperatorError
from store.database import Database

MANIFEST = ".tocsin-site.json"
"""The names of the files that the last publication wrote; only these are ever removed."""

_LATEST = 3


class PublishError(OperatorError):
    """The site cannot be written; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a publication did, in files."""

    written: int
    unchanged: int
    removed: int


def publish(database: Database, catalogue: Catalogue, out: Path, now: datetime) -> Written:
    """Write feeds, OPML and pages into the folder *out*; only what changed, each file whole.

    What an earlier publication wrote and is published no more is removed;
    files of others are left alone. Raise PublishError.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        before = _manifest(out)
        files: set[str] = set()
        changed = 0
        for name, body in chain(
            _documents(database, catalogue, now), _pages(database, catalogue, now)
        ):
            files.add(name)
            changed += _write(out / name, body)
        removed = sum(_remove(out, name) for name in sorted(before - files))
        _write(out / MANIFEST, json.dumps(sorted(files), indent=0).encode())
    except OSError as error:
        raise PublishError(
            f"{error.filename or out} cannot be written: {error.strerror}"
        ) from error
    return Written(written=changed, unchanged=len(files) - changed, removed=removed)


def _pages(database: Database, catalogue: Catalogue, now: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield each page: its file's name in the folder, and its bytes."""
    pages = Pages(catalogue, static=True)
    counts = database.match_counts()
    listed = []
    for feed in catalogue.feeds.values():
        matches = database.published(feed.rules, LIVE)
        count = counted(feed, counts)
        yield f"topics/{feed.name}/index.html", _bytes(pages.topic(feed, matches, count))
        if feed.name != "all":
            listed.append(Topic(feed=feed, count=count, latest=matches[:_LATEST]))
    for old, new in catalogue.former.items():
        yield f"topics/{old}/index.html", _bytes(pages.moved(old, catalogue.feeds[new]))
    done: set[str] = set()
    for _, span in Shelf(database, lambda: now).parts(catalogue.feeds["all"], now):
        for match in span.matches:
            if match.id not in done:
                done.add(match.id)
                states = database.revisions(match.entry_id, REVISIONS)
                page = pages.match(match, database.matches_of(match.entry_id), states)
                yield f"matches/{match.id}/index.html", _bytes(page)
    yield "index.html", _bytes(pages.home(listed))
    yield (
        "sources/index.html",
        _bytes(pages.sources(database.sources(), database.coverage(first_day(now)), (), now)),
    )
    health = pages.health(
        None, database.sources(), database.endpoints(), catalogue.told(database.events(LIVE)), now
    )
    yield f"{HEALTH}/index.html", _bytes(health)
    yield "rules/index.html", _bytes(pages.rules(counts))
    timeline = Timeline(database, catalogue, now, static=True)
    yield "timeline/index.html", _bytes(timeline.last_days())
    for month, page in timeline.every_month():
        yield f"timeline/{month}/index.html", _bytes(page)


def _documents(
    database: Database, catalogue: Catalogue, now: datetime
) -> Iterator[tuple[str, bytes]]:
    """Yield every feed with its archives, their list, and the style sheets.

    At the address that a feed had before stands the same feed, whose links name the present one.
    """
    shelf = Shelf(database, lambda: now)
    parts = [Part(name=HEALTH)]
    for feed in catalogue.feeds.values():
        parts.extend(part for part, _ in shelf.parts(feed, now))
    names = dict.fromkeys(part.path(ending) for part in parts for ending in RENDERERS)
    names |= dict.fromkeys((*topics(catalogue), "feeds.opml", "static/site.css", "static/feed.css"))
    for name in names:
        document = shelf.document(catalogue, f"/{present(catalogue, name)}")
        if document:
            yield name, document.body


def _bytes(page: str) -> bytes:
    return page.encode("utf-8", "replace")


def _manifest(out: Path) -> set[str]:
    try:
        names = json.loads((out / MANIFEST).read_bytes())
    except FileNotFoundError:
        return set()
    except ValueError as error:
        raise PublishError(
            f"{out / MANIFEST} is damaged; empty the folder {out} and publish again"
        ) from error
    return {str(name) for name in names} if isinstance(names, list) else set()


def _write(path: Path, body: bytes) -> bool:
    """Write *body* so that a reader sees the old file or the new one; tell whether it changed.

    It need not be on the disk at once: what a power cut spoils, the next publication mends.
    """
    if path.is_file() and path.read_bytes() == body:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tocsin-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def _remove(out: Path, name: str) -> bool:
    path = out / name
    if not path.resolve().is_relative_to(out.resolve()) or not path.is_file():
        return False
    path.unlink()
    for folder in path.parents:
        if folder == out or any(folder.iterdir()):
            break
        folder.rmdir()
    return True
