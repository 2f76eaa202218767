"""What is kept under a rule's old name goes along with it, with the ids that it had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rules import Entry
from store import Judged, Owed, Poll, Published, StoryTerms, delivery_id, entry_id, match_id
from store.database import Database
from tests.builders import NOON, a_match, a_source, an_entry, judged

HOUR = timedelta(hours=1)
APART = StoryTerms()
STORY = (
    "The drivers of eleven bus lines left the avenues in the north of Lima empty this morning, and"
    " marched against Law 32108 once more. The police counted nine blockades by noon."
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty store; making one takes its time."""
    path = tmp_path_factory.mktemp("made") / "tocsin.db"
    database = Database.open(f"sqlite:///{path}")
    database.sync_sources([a_source(), a_source("andina")], NOON)
    database.sync_endpoints(["newsroom"], NOON)
    database.close()
    return path


@pytest.fixture
def database(made: Path, tmp_path: Path) -> Iterator[Database]:
    shutil.copy(made, tmp_path)
    database = Database.open(f"sqlite:///{tmp_path / made.name}")
    yield database
    database.close()


def named(database: Database, *names: str, **formerly: Sequence[str]) -> tuple[str, ...]:
    """Make *names* the rules of the desk; return which are to be asked about the stored entries."""
    rules = {name: ("v1", name) for name in names}
    asked = database.sync_rules(rules, formerly)
    database.mark_judged(dict.fromkeys(names, "v1"))
    return asked


def take(
    database: Database,
    rule: str,
    *keys: str,
    origin: str = "",
    source: str = "green-left",
    terms: StoryTerms = APART,
    **changed: object,
) -> list[str]:
    """Store articles, or edits of them, that *rule* matches; return the ids of their matches."""
    entries = [an_entry(key, source=source, title=f"{key}: {changed}") for key in keys]
    return take_in(database, rule, entries, origin=origin, terms=terms, **changed)


def take_in(
    database: Database,
    rule: str,
    entries: Sequence[Entry],
    *,
    origin: str = "",
    terms: StoryTerms = APART,
    bands: Sequence[int] = (),
    lost: bool = False,
    known: bool = False,
) -> list[str]:
    source = entries[0].source
    verdicts = [
        Judged(
            id=entry_id(source, entry.key),
            entry=entry,
            matches=() if lost else (a_match(rule),),
            lost=(rule,) if lost else (),
            known=known,
            bands=tuple(bands),
        )
        for entry in entries
    ]
    ids = [match_id(origin or rule, one.id) for one in verdicts]
    owed = [
        Owed(
            id=delivery_id("match.created", match, "newsroom"),
            endpoint="newsroom",
            event="match.created",
            payload={"type": "match.created", "data": {}},
            match=match,
        )
        for match in ids
    ]
    claim = database.claim(source, NOON, HOUR, due_only=False)
    assert claim is not None
    poll = Poll(
        source=source,
        token=claim.token,
        at=NOON,
        next_poll_at=NOON,
        judged=tuple(verdicts),
        owed=tuple(owed),
        stories=terms,
    )
    assert database.commit(poll) is not None
    return ids


def found(database: Database, rule: str) -> tuple[Published, ...]:
    return database.published([rule], 100)


def test_matches_keep_ids_numbers_and_instants_under_the_new_name(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1", "2")
    before, version = found(database, "law"), database.feed_version(["law"])
    assert named(database, "ley", ley=["law"]) == ()
    assert found(database, "law") == ()
    assert [replace(one, rule="law") for one in found(database, "ley")] == list(before)
    assert database.feed_version(["ley"]) == version
    assert database.match_counts()["ley"] == (2, NOON)
    assert database.match_counts()["law"] == (0, None)
    assert database.retired_rules() == {"law"}
    assert database.check() == ()


def test_what_is_found_later_goes_on_from_there(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1", "2")
    named(database, "ley", ley=["law"])
    assert database.origins() == {"ley": "law"}
    take(database, "ley", "3", origin="law")
    assert [one.seq for one in found(database, "ley")] == [3, 2, 1]
    assert found(database, "ley")[0].id == match_id("law", entry_id("green-left", "3"))


def test_an_edit_finds_the_match_that_it_had_and_owes_no_second_alert(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1")
    (before,) = found(database, "law")
    named(database, "ley", ley=["law"])
    take(database, "ley", "1", origin="law", known=True)
    (edited,) = found(database, "ley")
    assert (edited.id, edited.seq) == (before.id, before.seq)
    assert edited.updated_at > before.updated_at
    assert len(database.deliveries()) == 1
    take(database, "ley", "1", origin="law", known=True, lost=True)
    assert [one.lost for one in found(database, "ley")] == [True]


def test_entries_asked_again_have_their_match_already(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1")
    assert database.sync_rules({"ley": ("v2", "Edited, too")}, {"ley": ["law"]}) == ("ley",)
    (stored,) = database.entries(NOON - HOUR)
    assert stored.matched == {"ley": "v1"}
    again = [judged(stored.entry, a_match("ley"), known=True)]
    assert database.add_matches(again, NOON) == 0
    assert len(found(database, "ley")) == 1


@pytest.mark.parametrize("formerly", [["law"], ["law", "ley"], ["ley", "law"], ["ley"]])
def test_a_rule_may_be_renamed_twice(database: Database, formerly: list[str]) -> None:
    named(database, "law")
    ids = take(database, "law", "1")
    named(database, "ley", ley=["law"])
    named(database, "loi", loi=formerly)
    assert [one.id for one in found(database, "loi")] == ids
    assert database.origins() == {"loi": "law"}


@pytest.mark.parametrize("formerly", [["law", "ley"], ["ley", "law"]])
def test_names_that_the_store_never_saw_are_passed_over(
    database: Database, formerly: list[str]
) -> None:
    named(database, "law")
    ids = take(database, "law", "1")
    named(database, "loi", loi=formerly)
    assert [one.id for one in found(database, "loi")] == ids


def test_a_rule_may_get_its_old_name_back(database: Database) -> None:
    named(database, "law")
    ids = take(database, "law", "1")
    named(database, "ley", ley=["law"])
    ids += take(database, "ley", "2", origin="law")
    named(database, "law", law=["ley"])
    assert {one.id for one in found(database, "law")} == set(ids)
    assert database.origins() == {}
    take(database, "law", "3")
    assert [one.seq for one in found(database, "law")] == [3, 2, 1]


def test_a_name_in_use_keeps_its_matches(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1")
    assert named(database, "law", "ley", ley=["law"]) == ("ley",)
    assert len(found(database, "law")) == 1
    assert found(database, "ley") == ()


@pytest.mark.parametrize("desk", [("b", "c", "d"), ("d", "c", "b")])
def test_names_may_be_passed_on_in_one_edit(database: Database, desk: tuple[str, ...]) -> None:
    named(database, "a", "b", "c")
    ids = {rule: take(database, rule, f"{rule}1", f"{rule}2") for rule in "abc"}
    version = database.feed_version(["c"])
    formerly = {"b": ["a"], "c": ["b"], "d": ["c"]}
    for _ in range(2):  # and the next start changes nothing
        assert named(database, *desk, **{new: formerly[new] for new in desk}) == ()
        for new, (old,) in formerly.items():
            assert {one.id for one in found(database, new)} == set(ids[old])
        assert database.origins() == {"b": "a", "c": "b", "d": "c"}
        assert found(database, "a") == ()
    # what is shown under a name that was in use before is told as a change
    assert database.feed_version(["c"]) > version
    # and each goes on from where it was
    take(database, "c", "c3", origin="b")
    assert [one.seq for one in found(database, "c")] == [3, 2, 1]


def test_a_name_may_be_passed_on_by_a_rule_without_matches(database: Database) -> None:
    named(database, "a", "b")
    ids = take(database, "a", "1")
    database.silence("newsroom", "b", "known", NOON, NOON + HOUR)
    named(database, "b", "c", b=["a"], c=["b"])
    assert [one.id for one in found(database, "b")] == ids
    assert found(database, "c") == ()
    assert [one.rule for one in database.silences()] == ["c"]


def test_names_that_are_exchanged_keep_their_matches(database: Database) -> None:
    named(database, "a", "b")
    ids = {rule: take(database, rule, f"{rule}1") for rule in "ab"}
    for _ in range(2):
        named(database, "a", "b", a=["b"], b=["a"])
        assert {rule: [one.id for one in found(database, rule)] for rule in "ab"} == ids


def test_an_old_name_that_lies_about_passes_nothing_on(database: Database) -> None:
    named(database, "lex", "law")
    take(database, "lex", "1")
    ids = take(database, "law", "2")
    named(database, "law", law=["lex"])  # two rules with matches
    named(database, "law", "ley", law=["lex"], ley=["law"])
    assert [one.id for one in found(database, "law")] == ids
    assert found(database, "ley") == ()


def test_a_rule_that_has_matches_takes_no_others(database: Database) -> None:
    named(database, "law", "ley")
    take(database, "law", "1")
    take(database, "ley", "1", "2", known=True)
    named(database, "ley", ley=["law"])
    assert (len(found(database, "law")), len(found(database, "ley"))) == (1, 2)
    assert database.check() == ()


def test_a_rule_that_was_away_for_a_while_takes_its_matches_and_is_asked_anew(
    database: Database,
) -> None:
    named(database, "law")
    take(database, "law", "1")
    named(database)
    assert named(database, "ley", ley=["law"]) == ("ley",)
    assert len(found(database, "ley")) == 1


def test_a_new_rule_with_an_old_name_has_ids_of_its_own(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1")
    named(database, "ley", ley=["law"])
    assert named(database, "ley", "law", ley=["law"]) == ("law",)
    assert database.origins() == {"ley": "law", "law": "law 2"}
    take(database, "law", "1", origin="law 2", known=True)
    (old,), (new,) = found(database, "ley"), found(database, "law")
    assert old.id != new.id
    assert new.seq == 1
    named(database, "ley", "law", ley=["law"])
    assert (len(found(database, "ley")), len(found(database, "law"))) == (1, 1)


def test_a_look_that_judged_by_the_old_name_is_stored_under_the_new(database: Database) -> None:
    named(database, "law")
    (first,) = take(database, "law", "1")
    named(database, "ley", ley=["law"])
    named(database, "loi", loi=["ley"])
    (second,) = take(database, "law", "2")
    assert [one.id for one in found(database, "loi")] == [second, first]
    take(database, "law", "1", known=True, lost=True)
    assert [one.id for one in found(database, "loi") if one.lost] == [first]
    assert found(database, "law") == ()


def test_copies_go_along_and_later_ones_join_the_story(database: Database) -> None:
    terms = StoryTerms(window=timedelta(days=3), copies={"law": "silent", "ley": "silent"})

    def told(key: str, source: str) -> Entry:
        return an_entry(key, source=source, title="Bus lines stopped", text=STORY)

    def outlets(rule: str) -> list[int]:
        return [len(one.outlets) for one in found(database, rule)]

    named(database, "law")
    take_in(database, "law", [told("1", "green-left")], terms=terms, bands=[7])
    take_in(database, "law", [told("2", "andina")], terms=terms, bands=[7])
    assert outlets("law") == [1]
    named(database, "ley", ley=["law"])
    assert outlets("ley") == [1]
    copied = match_id("law", entry_id("andina", "2"))
    story = database.publication(copied)
    assert story is not None
    assert story.rule == "ley"
    again = [told("2", "andina"), told("3", "andina")]
    take_in(database, "ley", again[:1], origin="law", terms=terms, bands=[7], known=True)
    take_in(database, "ley", again[1:], origin="law", terms=terms, bands=[7])
    assert outlets("ley") == [2]
    assert len(database.deliveries()) == 1


def test_silences_go_along(database: Database) -> None:
    named(database, "law")
    database.silence("newsroom", "law", "known", NOON, NOON + HOUR)
    named(database, "ley", ley=["law"])
    assert [one.rule for one in database.silences()] == ["ley"]


def test_a_private_rule_stays_private(database: Database) -> None:
    named(database, "law")
    take(database, "law", "1")
    database.hide_rules({"law"})
    named(database, "ley", ley=["law"])
    named(database)
    assert database.hide_rules(()) == {"law", "ley"}
