"""Rules that work, but hardly as meant, are warned of."""

from __future__ import annotations

import pytest

from rules import RuleBook, library_files
from rules.files import read_rules
from rules.lint import warnings

FILE = "version: 1\nrules:\n  - id: one\n    query: |\n      extorsion\n      OR QUERY\n    tests: {match: [extorsion]}\n"


def warned(query: str) -> list[tuple[int, int, str]]:
    found = warnings(read_rules("a.yaml", FILE.replace("QUERY", query).encode()))
    assert all(one.hint for one in found)
    return [(one.line, one.column, one.code) for one in found]


@pytest.mark.parametrize(
    ("query", "column", "code"),
    [
        ("ext*", 10, "L101"),
        ("la", 10, "L102"),
        ("(paro NEAR/80 lima)", 16, "L103"),
        ('"paro lima"~60', 10, "L103"),
        ("/[a-z]+\\d{5}/", 10, "L104"),
        ("(cupo NOT cupo)", 11, "L105"),
        ("(extorsion NOT extors*)", 11, "L105"),
        ("(title:cupo lima NOT cupo)", 17, "L105"),
        ('("cupo de lima" NOT (paro OR lima))', 11, "L105"),
    ],
)
def test_what_is_odd_is_warned_of_at_its_place(query: str, column: int, code: str) -> None:
    assert warned(query) == [(6, column, code)]


@pytest.mark.parametrize(
    "query",
    [
        "exto*",
        '"de la ley"',
        "title:la",
        "(paro NEAR/50 lima)",
        "/ley\\s+\\d{5}/",
        "(cupo NOT vacuna)",
    ],
)
def test_what_is_usual_is_not_warned_of(query: str) -> None:
    assert warned(query) == []


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ('lacra "la paz" title:la la', [34]),
        ("(paro NEAR/60 lima) (cupo NEAR/70 bus) (sol NEAR/60 mar)", [16, 36, 54]),
        ("(paro ONEAR/60 lima) OR (cupo NEAR/60 bus)", [16, 40]),
        ("exto* OR ext* OR tag:EXT*", [19, 31]),
        ("cupo OR (sol NOT sol) OR (cupo NOT cupo)", [19, 36]),
        ('"paro  lima"~60 OR "paro lima"~60', [10, 29]),
    ],
)
def test_each_warning_stands_where_its_term_is_written(query: str, columns: list[int]) -> None:
    assert [column for _, column, _ in warned(query)] == columns


def test_what_a_list_holds_is_warned_of_where_the_list_is_named() -> None:
    data = b"version: 1\nwords: {short: ab*}\nrules:\n  - {id: a, query: cupo OR words:short, tests: {match: [cupo]}}\n"
    (warning,) = warnings(read_rules("a.yaml", data))
    assert (warning.line, warning.column, warning.code) == (4, 28, "L101")


def test_two_rules_that_ask_the_same_and_one_without_examples_are_warned_of() -> None:
    data = b"version: 1\nrules:\n  - {id: one, query: a1, tests: {match: [a1]}}\n  - {id: two, query: (a1)}\n"
    assert [one.code for one in warnings(read_rules("a.yaml", data))] == ["L106", "L107"]


@pytest.mark.parametrize(
    ("first", "second", "lines"),
    [
        ("cupo OR lima", "LIMA OR cupo", [4]),
        ("cupo OR lima", "cupo", [4]),
        ("cupo", "lima OR cupo", [3]),
        ("cupo OR lima", "cupo OR paro", []),
        ("cupo AND lima", "cupo", [3]),
        ("cupo", "(cupo OR paro) lima", []),
        ("title:cupo", "cup*", [3]),
        ("cup*", "title:cupo OR cupo AND lima", [4]),
        ("forms(es):cupo", "cupo OR cupos", [4]),
        ("(cupo NEAR/3 lima)", "(lim* NEAR/5 cupo) OR paro", [3]),
        ("cupo AND lima", "cupo NOT lima", []),
        ("law:32108 lima", "law:32108", [3]),
    ],
)
def test_a_rule_that_finds_nothing_of_its_own_is_warned_of(
    first: str, second: str, lines: list[int]
) -> None:
    rules = f"  - {{id: one, query: {first}}}\n  - {{id: two, query: {second}}}\n"
    found = warnings(read_rules("a.yaml", f"version: 1\nrules:\n{rules}".encode()))
    assert [one.line for one in found if one.code == "L106"] == lines


def test_a_rule_of_some_sources_is_not_wider_than_one_of_others() -> None:
    def warned_of(first: str, second: str) -> list[int]:
        rules = f"  - {{id: one, query: cupo, sources: {first}}}\n  - {{id: two, query: cup*, sources: {second}}}\n"
        found = warnings(read_rules("a.yaml", f"version: 1\nrules:\n{rules}".encode()))
        return [one.line for one in found if one.code == "L106"]

    assert warned_of("{only: [rpp]}", "{except: [andina]}") == [3]
    assert warned_of("{except: [andina, rpp]}", "{except: [andina]}") == [3]
    assert warned_of("{except: [andina]}", "{only: [rpp]}") == []
    assert warned_of("{only: [rpp, andina]}", "{except: [andina]}") == []


def test_operators_in_small_letters_are_warned_of() -> None:
    assert warned("(paro and lima)") == [(6, 16, "L102")]


def test_the_starter_rules_are_not_warned_of() -> None:
    rules = RuleBook.empty().reload(library_files()).rules.rules
    assert warnings(rules.values()) == ()
