from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

import store.rows
from store import (
    Attempt,
    Claim,
    Delivery,
    Event,
    Judged,
    Outcome,
    Owed,
    Poll,
    Settled,
    SourceSpec,
    Tried,
    Validators,
    Wanted,
    events,
    match_id,
)
from store.database import Database, StoreBusyError, StoreError
from store.engine import HEAD
from tests.builders import NOON, a_match, a_place, a_source, an_entry, judged, owed

MINUTE = timedelta(minutes=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with_desk = opened(tmp_path / "tocsin.db")
    yield with_desk
    with_desk.close()


def opened(path: Path) -> Database:
    database = Database.open(f"sqlite:///{path}")
    database.sync_sources([a_source()], NOON)
    database.sync_rules({"law-32108": ("v1", "Law 32108"), "extortion": ("v1", "Extortion")})
    database.sync_endpoints(["newsroom", "union"], NOON)
    return database


def due(database: Database, now, limit: int) -> list[str]:
    return [name for name, _ in database.due_sources(now, limit)]


def claimed(database: Database, name: str = "green-left", now=NOON) -> Claim:
    claim = database.claim(name, now, MINUTE, due_only=False)
    assert claim is not None
    return claim


def a_poll(claim: Claim, *verdicts: Judged, deliveries: tuple[Owed, ...] = (), **changed) -> Poll:
    given = {"at": NOON, "next_poll_at": NOON + timedelta(hours=1), **changed}
    return Poll(
        source=claim.source.name, token=claim.token, judged=verdicts, owed=deliveries, **given
    )


def committed(database: Database, *verdicts: Judged, now=NOON, deliveries=()) -> None:
    poll = a_poll(claimed(database, now=now), *verdicts, deliveries=deliveries, at=now)
    assert database.commit(poll) is not None


def settled(
    database: Database,
    held: Delivery,
    attempt: Attempt | None = None,
    outcome: Outcome = "delivered",
    retry_at: datetime | None = None,
) -> Settled:
    tried = Tried(
        delivery=held, attempt=attempt or an_attempt(), outcome=outcome, retry_at=retry_at
    )
    return database.settle([tried])[0]


def an_attempt(status: int | None = 204, error: str = "") -> Attempt:
    return Attempt(number=1, at=NOON, took=timedelta(seconds=0.25), status=status, error=error)


def test_the_migrations_make_the_tables_that_the_rows_describe(tmp_path: Path) -> None:
    opened(tmp_path / "tocsin.db").close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'tocsin.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, SQLModel.metadata)
    engine.dispose()
    assert differences == []
    assert store.rows.SourceRow.__tablename__ == "source"


def test_a_store_of_an_earlier_version_keeps_all_that_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in (
            (
                "INSERT INTO source VALUES ('green-left', 'feed', 'https://green-left.example/rss.xml',"
                " '', NULL, 0, 0, 'added', 1, 1, 1, 1, 1, 1, 0, '', 0, '\"e\"', '', 'b', 7, NULL, '')"
            ),
            (
                "INSERT INTO entry VALUES ('id', 'green-left', 'key', 'https://a.example/1', '[]', '[]',"
                " 'es', NULL, NULL, 5, 'sha', 1)"
            ),
            "INSERT INTO revision VALUES ('id', 1, 'Title', '', 'Text', 5)",
        ):
            connection.exec_driver_sql(row)
    engine.dispose()
    database = Database.open(f"sqlite:///{path}")
    (source,) = database.sources()
    assert (source.entries, source.validators.etag, source.gap) == (7, '"e"', None)
    assert database.known("green-left", ["key"])["key"].id == "id"
    assert database.check() == ()
    database.close()


def test_the_version_that_is_written_down_is_that_of_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(Path(store.rows.__file__).parent / "migrations"))
    assert scripts.get_heads() == [HEAD]


def test_a_store_keeps_what_it_knows_when_it_is_opened_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "tocsin.db")
    committed(first, judged(an_entry(), a_match()))
    first.close()
    again = Database.open(f"sqlite:///{tmp_path / 'tocsin.db'}")
    assert [one.entry.title for one in again.published(["law-32108"], 10)] == ["Article 1"]
    again.close()


def test_writes_reach_the_disk_before_they_are_said_to_be_done(database: Database) -> None:
    with database._engine.reading() as session:
        connection = session.connection()
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_a_store_is_writable_when_something_was_written_and_that_costs_at_most_once_a_second(
    database: Database, tmp_path: Path
) -> None:
    log = tmp_path / "tocsin.db-wal"
    database._engine._wrote_at = float("-inf")
    before = log.stat().st_size
    assert database.writable()
    after = log.stat().st_size
    assert after > before
    assert database.writable()
    assert log.stat().st_size == after


def test_a_store_that_takes_no_writes_says_so_also_when_it_took_one_a_moment_ago(
    database: Database,
) -> None:
    def only_reads(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA query_only=ON").close()

    engine = database._engine._engine
    sa.event.listen(engine, "connect", only_reads)
    engine.dispose()
    with pytest.raises(StoreError, match="cannot be written"):
        database.sync_endpoints(["union"], NOON)
    assert not database.writable()
    sa.event.remove(engine, "connect", only_reads)
    engine.dispose()
    assert database.writable()


def test_a_store_of_a_newer_tocsin_is_refused_untouched(tmp_path: Path) -> None:
    opened(tmp_path / "tocsin.db").close()
    with sqlite3.connect(tmp_path / "tocsin.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer tocsin.*9999"):
        Database.open(f"sqlite:///{tmp_path / 'tocsin.db'}")


def test_the_file_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")
    with pytest.raises(StoreError, match="belongs to another program"):
        Database.open(f"sqlite:///{tmp_path / 'other.db'}")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_text("not a database, " * 100), "not a SQLite database"),
        (lambda path: path.mkdir(), "is a folder"),
    ],
)
def test_what_is_no_store_is_named_in_words(tmp_path: Path, make, reason: str) -> None:
    path = tmp_path / "tocsin.db"
    make(path)
    with pytest.raises(StoreError, match=reason):
        Database.open(f"sqlite:///{path}")


def test_a_store_whose_folder_cannot_be_made_is_named_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file stands where the folder should")
    with pytest.raises(StoreError, match="data"):
        Database.open(f"sqlite:///{tmp_path / 'data' / 'tocsin.db'}")


def test_a_lock_file_that_cannot_be_opened_is_named_in_words(tmp_path: Path) -> None:
    (tmp_path / "tocsin.db.lock").mkdir()
    with pytest.raises(StoreError, match=r"tocsin\.db\.lock cannot be opened"):
        Database.open(f"sqlite:///{tmp_path / 'tocsin.db'}")


@pytest.mark.parametrize("url", ["postgresql://db/tocsin", "sqlite://", "tocsin.db", ""])
def test_another_kind_of_store_is_refused_with_the_form_that_works(url: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:///data/tocsin\.db"):
        Database.open(url)


def test_a_store_that_another_process_holds_is_reported_as_busy(tmp_path: Path) -> None:
    database = opened(tmp_path / "tocsin.db")
    with database._engine.reading() as session:
        session.connection().exec_driver_sql("PRAGMA busy_timeout=50")
    other = sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StoreBusyError, match="held by another process"):
            database.sync_endpoints(["newsroom"], NOON)
        assert not database.writable()
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert database.writable()
    database.close()


def test_a_due_source_is_claimed_once(database: Database) -> None:
    assert due(database, NOON, 10) == ["green-left"]
    first = database.claim("green-left", NOON, MINUTE)
    assert first is not None
    assert database.claim("green-left", NOON, MINUTE) is None
    assert due(database, NOON, 10) == []


def test_a_claim_whose_lease_ran_out_can_be_had_again(database: Database) -> None:
    claimed(database)
    later = NOON + 2 * MINUTE
    assert due(database, later, 10) == ["green-left"]
    assert database.claim("green-left", later, MINUTE) is not None


def test_two_processes_on_one_store_claim_no_source_twice(tmp_path: Path) -> None:
    names = [f"source-{number}" for number in range(20)]
    stores = [opened(tmp_path / "tocsin.db") for _ in range(2)]
    stores[0].sync_sources([a_source(name) for name in names], NOON)
    won: list[list[str]] = [[], []]

    def work(index: int) -> None:
        for name in names:
            if stores[index].claim(name, NOON, MINUTE):
                won[index].append(name)

    threads = [Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in stores:
        one.close()
    assert sorted(won[0] + won[1]) == sorted(names)


def test_a_source_that_is_not_due_is_claimed_only_on_request(database: Database) -> None:
    committed(database)
    assert database.claim("green-left", NOON, MINUTE) is None
    assert database.claim("green-left", NOON, MINUTE, due_only=False) is not None


def test_a_released_source_is_due_when_it_was_told_to(database: Database) -> None:
    claim = claimed(database)
    database.release(claim, now=NOON + MINUTE)
    assert due(database, NOON, 10) == []
    assert due(database, NOON + MINUTE, 10) == ["green-left"]


def test_the_poll_of_a_lost_claim_changes_nothing(database: Database) -> None:
    lost = claimed(database)
    claimed(database, now=NOON + 2 * MINUTE)
    assert database.commit(a_poll(lost, judged(an_entry(), a_match()))) is None
    assert database.published(["law-32108"], 10) == ()


def test_a_poll_that_is_committed_twice_is_committed_once(database: Database) -> None:
    verdict = judged(an_entry(), a_match())
    poll = a_poll(claimed(database), verdict, deliveries=(owed(verdict),))
    first = database.commit(poll)
    assert first is not None
    assert (first.new, first.matched, first.endpoints) == (1, 1, ("newsroom",))
    assert database.commit(poll) is None
    assert len(database.published(["law-32108"], 10)) == 1
    assert len(database.deliveries()) == 1


def test_polls_that_end_together_are_committed_together_and_each_only_once(
    database: Database,
) -> None:
    names = [f"source-{number}" for number in range(3)]
    database.sync_sources([a_source(name) for name in names], NOON)
    wanted = [Wanted(source=name, now=NOON) for name in (*names, names[0])]
    *claims, again = database.claim_each(wanted, MINUTE)
    assert again is None
    verdicts = [judged(an_entry(source=name), a_match()) for name in names]
    polls = [a_poll(claim, one) for claim, one in zip(claims, verdicts, strict=True) if claim]
    lost = replace(polls[1], token="somebody else's")
    found = database.commit_each([polls[0], lost, polls[2], polls[0]])
    assert [one and one.new for one in found] == [1, None, 1, None]
    assert [one.seq for one in database.published(["law-32108"], 10)] == [2, 1]
    assert [one.read for days in database.coverage(NOON.date()).values() for one in days] == [1, 1]
    assert database.commit(polls[1]) is not None


def test_polls_of_one_transaction_are_stored_all_or_none(database: Database) -> None:
    database.sync_sources([a_source("one"), a_source("other")], NOON)
    claims = database.claim_each(
        [Wanted(source=name, now=NOON) for name in ("one", "other")], MINUTE
    )
    good, bad = (
        a_poll(claim, judged(an_entry(source=claim.source.name), a_match()))
        for claim in claims
        if claim
    )
    unwritable = Owed(
        id="d", endpoint="newsroom", event="endpoint.test", payload={"data": object()}
    )
    with pytest.raises(TypeError):
        database.commit_each([good, replace(bad, owed=(unwritable,))])
    assert database.published(["law-32108"], 10) == ()
    assert database.commit(good) is not None


def test_entry_match_delivery_and_schedule_are_stored_together_or_not_at_all(
    database: Database,
) -> None:
    verdict = judged(an_entry(), a_match())
    unwritable = Owed(
        id="msg_1", endpoint="newsroom", event="match.created", payload={"data": object()}
    )
    poll = a_poll(claimed(database), verdict, deliveries=(owed(verdict), unwritable))
    with pytest.raises(TypeError):
        database.commit(poll)
    assert database.published(["law-32108"], 10) == ()
    assert database.deliveries() == ()
    assert database.known("green-left", ["1"]) == {}
    source = database.source("green-left")
    assert source is not None
    assert source.polled_at is None


def test_what_a_server_gave_to_ask_with_comes_back_byte_for_byte(database: Database) -> None:
    given = Validators(etag='W/"ä, b"', last_modified="Tue, 24 Nov 2026", body_sha256="ab")
    database.commit(a_poll(claimed(database), validators=given))
    assert claimed(database).source.validators == given


def test_failures_count_up_and_one_success_ends_them(database: Database) -> None:
    for number in (1, 2, 3):
        database.commit(a_poll(claimed(database), error="the server answered 500"))
        source = database.source("green-left")
        assert source is not None
        assert (source.failures, source.error) == (number, "the server answered 500")
        assert source.succeeded_at is None
    committed(database)
    source = database.source("green-left")
    assert source is not None
    assert (source.failures, source.error, source.succeeded_at) == (0, "", NOON)


def test_a_source_that_is_gone_is_asked_no_more(database: Database) -> None:
    database.commit(a_poll(claimed(database), error="410", gone=True))
    assert due(database, NOON + timedelta(days=900), 10) == []


def test_a_new_address_begins_a_new_backlog_at_once(database: Database) -> None:
    database.commit(a_poll(claimed(database), error="410", gone=True))
    later = NOON + MINUTE
    database.sync_sources([a_source(address="https://new.example/rss")], later)
    (source,) = database.sources()
    assert (source.added_at, source.gone, source.error) == (later, False, "")
    assert due(database, later, 10) == ["green-left"]


def test_a_source_that_left_the_desk_keeps_its_matches_and_is_not_polled(
    database: Database,
) -> None:
    committed(database, judged(an_entry(), a_match()))
    database.sync_sources([], NOON)
    assert database.sources() == ()
    assert due(database, NOON + timedelta(days=1), 10) == []
    assert len(database.published(["law-32108"], 10)) == 1
    database.sync_sources([a_source()], NOON + timedelta(days=2))
    assert due(database, NOON + timedelta(days=2), 10) == ["green-left"]


@pytest.mark.parametrize(
    "spec",
    [
        a_source(every=timedelta(minutes=15), full_text=True, lang="es", alert_since="always"),
        a_source(alert_since=NOON, allow_private=True, enabled=False),
        a_source(kind="files", address="articles"),
    ],
)
def test_a_source_comes_back_as_the_desk_describes_it(database: Database, spec: SourceSpec) -> None:
    database.sync_sources([spec], NOON)
    (source,) = database.sources()
    assert source.spec == spec


def test_known_entries_are_found_by_key_however_many_are_asked_for(database: Database) -> None:
    committed(database, *(judged(an_entry(f"k{number}")) for number in range(3)))
    keys = [f"k{number}" for number in range(2000)]
    known = database.known("green-left", keys)
    assert sorted(known) == ["k0", "k1", "k2"]
    assert known["k1"].sha256 == an_entry("k1").sha256


def test_an_edit_becomes_a_revision_and_keeps_the_match_with_its_number(
    database: Database,
) -> None:
    committed(database, judged(an_entry(), a_match()))
    (before,) = database.published(["law-32108"], 10)
    edited = an_entry(title="Edited")
    later = NOON + MINUTE
    committed(database, judged(edited, a_match()), now=later)
    (after,) = database.published(["law-32108"], 10)
    assert (after.id, after.seq, after.matched_at) == (before.id, before.seq, before.matched_at)
    assert (after.entry.title, after.updated_at, after.seen_at) == ("Edited", later, NOON)
    with database._engine.reading() as session:
        rows = session.connection().exec_driver_sql("SELECT title FROM revision ORDER BY number")
        assert [row[0] for row in rows] == ["Article 1", "Edited"]


def test_a_match_that_an_edit_lost_says_so_and_can_come_back(database: Database) -> None:
    committed(database, judged(an_entry(), a_match()))
    committed(database, judged(an_entry(text="gone"), lost=("law-32108",)), now=NOON + MINUTE)
    assert database.published(["law-32108"], 10)[0].lost
    assert database.known("green-left", ["1"])["1"].matched == {}
    committed(database, judged(an_entry(), a_match()), now=NOON + 2 * MINUTE)
    assert not database.published(["law-32108"], 10)[0].lost
    assert database.match_counts()["law-32108"][0] == 1


def test_matches_are_numbered_by_rule_and_changed_at_instants_of_their_own(
    database: Database,
) -> None:
    verdicts = [judged(an_entry(f"k{n}"), a_match(), a_match("extortion")) for n in range(5)]
    committed(database, *verdicts[:3])
    committed(database, *verdicts[3:])
    found = database.published(["law-32108", "extortion"], 100)
    assert sorted(one.seq for one in found if one.rule == "law-32108") == [1, 2, 3, 4, 5]
    instants = [one.updated_at for one in found]
    assert instants == sorted(set(instants), reverse=True)
    assert max(instants) - NOON < timedelta(milliseconds=1)


def test_a_clock_that_ran_ahead_does_not_push_todays_matches_into_the_future(
    database: Database,
) -> None:
    committed(database, judged(an_entry("a"), a_match()), now=NOON + timedelta(days=3))
    committed(database, judged(an_entry("b"), a_match()), now=NOON)
    (one,) = [m for m in database.published(["law-32108"], 10) if m.entry.key == "b"]
    assert one.updated_at == NOON


def test_the_version_of_a_feed_changes_with_its_matches_alone(database: Database) -> None:
    versions = [database.feed_version(["law-32108"])]
    committed(database, judged(an_entry("a"), a_match("extortion")))
    versions.append(database.feed_version(["law-32108"]))
    committed(database, judged(an_entry("b"), a_match()))
    versions.append(database.feed_version(["law-32108"]))
    committed(database, judged(an_entry("b", text="x"), lost=("law-32108",)), now=NOON + MINUTE)
    versions.append(database.feed_version(["law-32108"]))
    assert versions[0] == versions[1] < versions[2] < versions[3]


def test_because_comes_back_as_it_was_found(database: Database) -> None:
    places = (a_place(), a_place(field="title", start=0, end=3, quote="Ley"))
    committed(database, judged(an_entry(), a_match("law-32108", *places)))
    assert database.published(["law-32108"], 1)[0].because == places


def test_text_that_no_database_takes_is_stored_with_its_offsets_right(
    database: Database,
) -> None:
    entry = an_entry("k\x00\ud800", title="a\x00b\udfffc", text="\ud83d Law 32108")
    verdict = judged(entry, a_match())
    committed(database, verdict, deliveries=(owed(verdict),))
    (found,) = database.published(["law-32108"], 1)
    assert found.entry.title == "a\ufffdb\ufffdc"
    assert len(found.entry.text) == len(entry.text)
    assert json.loads(database.deliveries()[0].body)["data"]["title"] == "a\ufffdb\ufffdc"
    assert list(database.known("green-left", [entry.key])) == [entry.key]
    assert database.known("green-left", [entry.key])[entry.key].sha256 == entry.sha256


def test_rules_that_were_not_asked_about_the_stored_entries_are_reported_until_they_were(
    database: Database,
) -> None:
    rules = {"law-32108": ("v1", "Another title"), "extortion": ("v1", "Extortion")}
    assert database.sync_rules(rules) == ("law-32108", "extortion")
    database.mark_judged({"law-32108": "v1", "extortion": "v1"})
    assert database.sync_rules(rules) == ()
    edited = {**rules, "extortion": ("v2", "E"), "new": ("v1", "N")}
    assert database.sync_rules(edited) == ("extortion", "new")
    assert database.sync_rules(edited) == ("extortion", "new")
    database.mark_judged({"extortion": "v2", "new": "v1"})
    assert database.sync_rules({"law-32108": ("v1", "L")}) == ()
    assert database.retired_rules() == {"extortion", "new"}
    assert database.sync_rules({"extortion": ("v2", "E")}) == ("extortion",)


def test_matches_are_added_to_stored_entries_without_owing_anything(database: Database) -> None:
    verdict = judged(an_entry())
    committed(database, verdict)
    found = [replace(verdict, matches=(a_match(),), known=True)]
    assert database.add_matches(found, NOON) == 1
    assert database.add_matches(found, NOON) == 0
    assert database.deliveries() == ()
    assert len(database.published(["law-32108"], 10)) == 1


def test_entries_are_paged_without_loss_or_repetition(database: Database) -> None:
    committed(database, *(judged(an_entry(f"k{number}"), a_match()) for number in range(7)))
    seen, after = [], ""
    while page := database.entries(NOON - MINUTE, after, limit=3):
        seen += [one.entry.key for one in page]
        after = page[-1].id
        assert (page[0].matched, page[0].seen_at) == ({"law-32108": "v1"}, NOON)
    assert sorted(seen) == [f"k{number}" for number in range(7)]
    assert database.entries(NOON + MINUTE) == ()
    assert (database.count_entries(NOON), database.count_entries(NOON + MINUTE)) == (7, 0)


def test_entries_are_found_by_when_they_came_out_or_were_seen_where_they_say_no_date(
    database: Database,
) -> None:
    dates = {"old": NOON - 9 * MINUTE, "new": NOON - MINUTE, "dateless": None}
    committed(database, *(judged(an_entry(key, published=dates[key])) for key in dates))
    found = database.entries(NOON - 2 * MINUTE)
    assert {one.entry.key for one in found} == {"new", "dateless"}
    assert database.count_entries(NOON - 2 * MINUTE) == 2


def test_a_delivery_is_frozen_with_the_number_of_its_match(database: Database) -> None:
    first, second = judged(an_entry("a"), a_match()), judged(an_entry("b"), a_match())
    committed(database, first, second, deliveries=(owed(first), owed(second)))
    bodies = {one.id: json.loads(one.body)["data"]["seq"] for one in database.deliveries()}
    assert bodies == {owed(first).id: 1, owed(second).id: 2}


def test_a_delivery_is_claimed_once_and_again_when_its_lease_ran_out(database: Database) -> None:
    verdict = judged(an_entry(), a_match())
    committed(database, verdict, deliveries=(owed(verdict),))
    assert database.due_endpoints(NOON) == ("newsroom",)
    (held,) = database.claim_deliveries("newsroom", NOON, MINUTE, 4)
    assert database.claim_deliveries("newsroom", NOON, MINUTE, 4) == ()
    assert database.due_endpoints(NOON) == ()
    (again,) = database.claim_deliveries("newsroom", NOON + 2 * MINUTE, MINUTE, 4)
    assert (again.id, again.body) == (held.id, held.body)
    assert settled(database, held).state is None
    assert settled(database, again).state == "delivered"
    assert database.deliveries()[0].state == "delivered"


def test_released_deliveries_are_due_as_before(database: Database) -> None:
    verdict = judged(an_entry(), a_match())
    committed(database, verdict, deliveries=(owed(verdict),))
    database.release_deliveries(database.claim_deliveries("newsroom", NOON, MINUTE, 4))
    assert database.due_endpoints(NOON) == ("newsroom",)


def test_a_refused_delivery_is_due_when_it_is_to_be_tried_again(database: Database) -> None:
    verdict = judged(an_entry(), a_match())
    committed(database, verdict, deliveries=(owed(verdict),))
    (held,) = database.claim_deliveries("newsroom", NOON, MINUTE, 4)
    attempt = an_attempt(500, "it answered 500")
    settled(database, held, attempt, "retry", NOON + MINUTE)
    assert database.due_endpoints(NOON) == ()
    (again,) = database.claim_deliveries("newsroom", NOON + MINUTE, MINUTE, 4)
    assert (again.attempts, again.id, again.body) == (1, held.id, held.body)
    (endpoint, _) = database.endpoints()
    assert (endpoint.failures, endpoint.failing_since, endpoint.due) == (1, NOON, 1)


def test_an_endpoint_that_says_410_is_disabled_and_what_it_is_owed_is_held(
    database: Database,
) -> None:
    verdicts = [judged(an_entry(key), a_match()) for key in "ab"]
    deliveries = tuple(owed(verdict) for verdict in verdicts)
    committed(database, *verdicts, deliveries=deliveries)
    (held,) = database.claim_deliveries("newsroom", NOON, MINUTE, 1)
    settled(database, held, an_attempt(410, "it answered 410"), "gone")
    third = judged(an_entry("c"), a_match())
    committed(database, third, deliveries=(owed(third),))
    assert {one.state for one in database.deliveries()} == {"held"}
    assert database.due_endpoints(NOON + timedelta(days=9)) == ()
    assert database.enable_endpoint("newsroom", NOON + MINUTE) == 3
    assert len(database.claim_deliveries("newsroom", NOON + MINUTE, MINUTE, 10)) == 3
    assert database.enable_endpoint("nobody", NOON) is None


def test_a_redelivery_has_the_same_id_and_bytes_and_adds_to_the_log(database: Database) -> None:
    verdict = judged(an_entry(), a_match())
    committed(database, verdict, deliveries=(owed(verdict),))
    for _ in range(2):
        (held,) = database.claim_deliveries("newsroom", NOON, MINUTE, 4)
        settled(database, held)
        again = database.redeliver(held.id, NOON)
        assert again is not None
        assert (again.body, again.state, again.attempts) == (held.body, "due", 0)
    found = database.delivery(held.id)
    assert found is not None
    assert [attempt.number for attempt in found.log] == [1, 2]
    assert found.log[0].took == timedelta(seconds=0.25)
    assert database.redeliver("msg_nothing", NOON) is None


def test_a_match_keeps_its_ids_in_every_store(tmp_path: Path) -> None:
    ids = []
    for name in ("one.db", "two.db"):
        database = opened(tmp_path / name)
        verdict = judged(an_entry(), a_match())
        committed(database, verdict, deliveries=(owed(verdict),))
        ids.append((database.published(["law-32108"], 1)[0].id, database.deliveries()[0].id))
        database.close()
    assert ids[0] == ids[1]
    assert ids[0][0] == match_id("law-32108", verdict.id)


def test_a_whole_store_has_nothing_broken(database: Database) -> None:
    committed(database, judged(an_entry(), a_match()))
    assert database.check() == ()


def test_what_a_dead_process_had_claimed_is_free_when_the_store_is_opened_again(
    tmp_path: Path,
) -> None:
    dying = opened(tmp_path / "tocsin.db")
    verdict = judged(an_entry(), a_match())
    committed(dying, verdict, deliveries=(owed(verdict),))
    claimed(dying)
    dying.claim_deliveries("newsroom", NOON, MINUTE, 4)
    beside = opened(tmp_path / "tocsin.db")
    assert beside.claim("green-left", NOON, MINUTE, due_only=False) is None
    assert beside.due_endpoints(NOON) == ()
    beside.close()
    dying.close()
    after = opened(tmp_path / "tocsin.db")
    assert after.claim("green-left", NOON, MINUTE, due_only=False) is not None
    assert after.due_endpoints(NOON) == ("newsroom",)
    after.close()


def test_a_claim_that_is_renewed_lasts_and_a_lost_one_cannot_be(database: Database) -> None:
    held = claimed(database)
    assert database.renew(held, NOON + 5 * MINUTE)
    later = NOON + 2 * MINUTE
    assert database.claim("green-left", later, MINUTE, due_only=False) is None
    much_later = NOON + 6 * MINUTE
    assert database.claim("green-left", much_later, MINUTE, due_only=False) is not None
    assert not database.renew(held, much_later)


def an_event(words: str = "no answer", *, kind="source.failing", about="rpp", at=NOON) -> Event:
    return Event(kind=kind, about=about, words=words, at=at)


def test_events_are_told_newest_first_at_instants_of_their_own(database: Database) -> None:
    told = [an_event(), an_event(about="andina"), an_event(kind="source.recovered", words="")]
    for event in told:
        database.note(event)
    found = database.events(10)
    assert [(one.kind, one.about) for one in found] == [
        (one.kind, one.about) for one in reversed(told)
    ]
    assert len({one.at for one in found}) == 3


def test_the_same_word_on_the_same_subject_is_not_told_twice_in_a_row(database: Database) -> None:
    database.note(an_event())
    database.note(an_event(at=NOON + MINUTE))
    database.note(an_event(kind="endpoint.disabled"))
    assert len(database.events(10)) == 2
    database.note(an_event(kind="source.recovered", words="", at=NOON + 2 * MINUTE))
    database.note(an_event(at=NOON + 3 * MINUTE))
    assert [one.kind for one in database.events(2)] == ["source.failing", "source.recovered"]


def test_the_latest_thousand_events_are_kept(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(events, "KEPT", 3)
    for number in range(5):
        database.note(an_event(f"\x00{number}", at=NOON + number * MINUTE))
    assert [one.words for one in database.events(10)] == ["\ufffd4", "\ufffd3", "\ufffd2"]


def test_what_a_poll_tells_of_its_source_is_stored_with_it(database: Database) -> None:
    claim = claimed(database)
    database.commit(a_poll(claim, events=(an_event(),), error="no answer"))
    database.commit(a_poll(claim, events=(an_event("another"),)))
    assert [one.words for one in database.events(10)] == ["no answer"]


def test_an_endpoint_that_is_disabled_or_enabled_is_told(database: Database) -> None:
    verdict = judged(an_entry(), a_match())
    committed(database, verdict, deliveries=(owed(verdict),))
    (held,) = database.claim_deliveries("newsroom", NOON, MINUTE, 4)
    settled(database, held, an_attempt(410), "gone")
    database.enable_endpoint("newsroom", NOON + MINUTE)
    database.enable_endpoint("newsroom", NOON + MINUTE)
    assert [(one.kind, one.about) for one in database.events(10)] == [
        ("endpoint.enabled", "newsroom"),
        ("endpoint.disabled", "newsroom"),
    ]
