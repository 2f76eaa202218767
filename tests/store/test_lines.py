"""The whole store goes through JSON Lines and is what it was."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from store import Event, Owed, Poll, StoryTerms, delivery_id
from store.database import Database, StoreError
from tests.builders import NOON, a_match, a_source, an_entry, judged
from tests.store.test_renaming import STORY


def opened(path: Path) -> Database:
    return Database.open(f"sqlite:///{path}")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Database]:
    """A store with a source that is claimed, articles in odd letters, matches and deliveries."""
    database = opened(tmp_path / "full.db")
    database.sync_sources([a_source(), a_source("andina")], NOON)
    database.sync_endpoints(["newsroom"], NOON)
    database.sync_rules({"law-32108": ("1", "Peru: Law 32108")})
    claim = database.claim("green-left", NOON, timedelta(minutes=1), due_only=False)
    assert claim is not None
    found = tuple(
        judged(an_entry(key, title=f"Ñandú \u2028 \U0001f4f0 {key}"), a_match()) for key in "ab"
    )
    poll = Poll(source="green-left", token=claim.token, at=NOON, next_poll_at=NOON, judged=found)
    assert database.commit(poll)
    take_in_a_copy(database)
    body = Owed(
        id=delivery_id("endpoint.test", "1", "newsroom"),
        endpoint="newsroom",
        event="endpoint.test",
        body=b"\x00\xff<xml/>",
        content_type="application/xml",
        headers={"link": "<a>"},
    )
    database.owe([body], NOON)
    database.note(Event(kind="source.failing", about="rpp", words="no\nanswer", at=NOON))
    assert database.claim("green-left", NOON, timedelta(minutes=1), due_only=False)
    yield database
    database.close()


def take_in_a_copy(database: Database) -> None:
    """Store a story that a second source has copied."""
    terms = StoryTerms(window=timedelta(days=3), copies={"law-32108": "silent"})
    for source in ("green-left", "andina"):
        claim = database.claim(source, NOON, timedelta(minutes=1), due_only=False)
        assert claim is not None
        entry = an_entry("story", source=source, title="Bus lines stopped", text=STORY)
        poll = Poll(
            source=source,
            token=claim.token,
            at=NOON,
            next_poll_at=NOON,
            judged=(judged(entry, a_match(), bands=(7,)),),
            stories=terms,
        )
        assert database.commit(poll)


def rows(database: Database) -> dict[str, list[dict[str, object]]]:
    with database._engine.reading() as session:
        return {
            table.name: [
                dict(row) | ({"token": "", "lease_until": None} if "token" in row else {})
                for row in session.connection()
                .execute(select(table).order_by(*table.primary_key))
                .mappings()
            ]
            for table in SQLModel.metadata.sorted_tables
        }


def test_what_is_exported_and_imported_is_the_same_store(tmp_path: Path, full: Database) -> None:
    count = full.export(tmp_path / "store.jsonl")
    other = opened(tmp_path / "other.db")
    assert other.take_in(tmp_path / "store.jsonl") == count
    assert rows(other) == rows(full)
    assert len(rows(other)["copy"]) == 1
    story, *_ = other.published(["law-32108"], 1)
    assert [outlet.source for outlet in story.outlets] == ["andina"]
    assert count == sum(map(len, rows(full).values())) >= 9
    assert other.check() == ()
    # what another process had claimed is free
    assert other.claim("green-left", NOON, timedelta(minutes=1), due_only=False) is not None
    other.close()


def test_an_export_is_its_owners_alone_and_overwrites_nothing(
    tmp_path: Path, full: Database
) -> None:
    path = tmp_path / "store.jsonl"
    full.export(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(StoreError, match="nothing is overwritten"):
        full.export(path)
    assert path.read_bytes() == before
    assert all(json.loads(line) for line in before.split(b"\n") if line)


def test_only_an_empty_store_takes_anything_in(tmp_path: Path, full: Database) -> None:
    full.export(tmp_path / "store.jsonl")
    before = rows(full)
    with pytest.raises(StoreError, match="not empty"):
        full.take_in(tmp_path / "store.jsonl")
    assert rows(full) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [], "line 1 is not JSON"),
        (lambda lines: ['{"form": "other"}', *lines[1:]], "does not say"),
        (lambda lines: ['{"form": "tocsin store", "tables": "0001"}', *lines[1:]], "0001"),
        (lambda lines: [*lines, "{torn"], "is not JSON"),
        (lambda lines: [*lines, "[]"], "no JSON object"),
        (lambda lines: [*lines, '{"table": "bookmark", "row": {}}'], "no row of this store"),
        (lambda lines: [*lines, '{"table": "entry", "row": {}}'], "no row of this store"),
        (lambda lines: [*lines, lines[-1]], "cannot be stored"),
        (lambda lines: [lines[0], *lines[:0:-1]], "cannot be stored"),
        (lambda lines: [one.replace("2026-11-24T", "yesterday ") for one in lines], "cannot be:"),
        (lambda lines: [one.replace("+00:00", "") for one in lines], "cannot be stored"),
    ],
)
def test_lines_that_are_not_whole_are_refused_and_nothing_is_stored(
    tmp_path: Path, full: Database, change, said: str
) -> None:
    path = tmp_path / "store.jsonl"
    full.export(path)
    path.write_text("\n".join(change(path.read_text().rstrip("\n").split("\n"))))
    other = opened(tmp_path / "other.db")
    with pytest.raises(StoreError, match=said):
        other.take_in(path)
    assert not any(rows(other).values())
    other.close()
