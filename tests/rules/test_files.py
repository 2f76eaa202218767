"""Rule files are read whole or refused with every mistake at its place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import Escalation, RuleBook, RuleError
from rules.files import read_rules
from rules.inline import failures
from rules.packed import pack, unpack

GOOD = b'version: 1\nrules:\n  - id: one\n    query: extors*\n    tests: {match: ["extorsion"], no_match: ["x"]}\n'


def test_a_good_file_gives_its_rules_and_its_examples_pass() -> None:
    (rule,) = read_rules("a.yaml", GOOD)
    assert (rule.id, rule.title, rule.file) == ("one", "one", "a.yaml")
    assert failures(rule) == ()


def test_a_rule_names_the_ids_that_it_had() -> None:
    (rule,) = read_rules("a.yaml", GOOD.replace(b"id: one", b"id: one\n    formerly: [uno, eins]"))
    assert rule.formerly == ("uno", "eins")
    for wrong in (b"one", b"No Name"):
        data = GOOD.replace(b"id: one", b"id: one\n    formerly: [uno, " + wrong + b"]")
        with pytest.raises(RuleError) as caught:
            read_rules("a.yaml", data)
        ((line, code),) = [(p.line, p.code) for p in caught.value.problems]
        assert (line, code) == (4, "R103")


def test_every_mistake_of_a_file_is_told_with_line_and_column() -> None:
    data = b"version: 1\nrules:\n  - id: Bad Id\n    quary: x\n    query: |\n      a OR\n      (b\n  - id: two\n"
    with pytest.raises(RuleError) as caught:
        read_rules("a.yaml", data)
    told = [(p.line, p.column, p.code) for p in caught.value.problems]
    assert told == [(3, 9, "R103"), (4, 5, "R110"), (7, 7, "Q103"), (8, 5, "R106")]


def test_ten_mistakes_of_one_query_are_told_at_their_places_in_one_run() -> None:
    data = b"""version: 1
words: {transport: bus OR && combi OR b*s}
rules:
  - id: one
    query: |
      (tilte:paro OR exto?sion OR law:many)
      OR paro NEAR/3 lima NEAR/4 cusco
      OR NOT NOT paro OR count(paro lima) >= 2 OR (sol AND OR mar)
      OR words:transporte OR /a*/ OR "paro lima"~ OR (cupo
"""
    with pytest.raises(RuleError) as caught:
        read_rules("a.yaml", data)
    assert [(p.line, p.column, p.code) for p in caught.value.problems] == [
        (2, 27, "Q105"),
        (2, 40, "Q105"),
        (6, 8, "Q109"),
        (6, 26, "Q105"),
        (6, 35, "Q112"),
        (7, 27, "Q107"),
        (8, 10, "Q106"),
        (8, 26, "Q108"),
        (8, 60, "Q104"),
        (9, 10, "Q117"),
        (9, 30, "Q113"),
        (9, 49, "Q110"),
        (9, 54, "Q103"),
    ]
    assert all(p.hint for p in caught.value.problems)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"rules: [", "Y102"),
        (b"\xff", "Y101"),
        (b"version: 1\nversion: 1\n", "Y103"),
        (b"a: &x [1]\nb: *x\n", "Y104"),
    ],
)
def test_yaml_that_would_surprise_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_rules("a.yaml", data)
    assert caught.value.problems[0].code == code


def test_a_bad_file_keeps_its_last_good_rules_and_a_mended_one_takes_effect() -> None:
    book = RuleBook.empty().reload({"a.yaml": GOOD})
    broken = book.reload({"a.yaml": b"version: 1\nrules: ["})
    assert set(broken.rules.rules) == {"one"}
    assert [problem.code for problem in broken.problems] == ["Y102"]
    mended = broken.reload({"a.yaml": GOOD.replace(b"one", b"two")})
    assert set(mended.rules.rules) == {"two"}
    assert mended.problems == ()


def test_an_id_that_another_file_has_is_refused_in_the_later_file() -> None:
    book = RuleBook.empty().reload({"a.yaml": GOOD, "b.yaml": GOOD})
    assert [(problem.file, problem.code) for problem in book.problems] == [("b.yaml", "R104")]
    assert set(book.rules.rules) == {"one"}


@given(
    st.binary()
    | st.text().map(
        lambda text: b"version: 1\nrules:\n- id: x\n  query: " + text.encode("utf-8", "replace")
    )
)
def test_any_bytes_are_rules_or_a_rule_error(data: bytes) -> None:
    try:
        read_rules("a.yaml", data)
    except RuleError as error:
        assert error.problems


ESCALATED = (
    b"version: 1\nrules:\n  - id: one\n    query: x\n    notify:\n      - newsroom\n      - %s\n"
)


def test_an_endpoint_may_be_told_from_a_number_of_sources_on() -> None:
    when = b"{endpoint: chief, when: {sources: 3, within: 6h}}"
    (rule,) = read_rules("a.yaml", ESCALATED % when)
    assert rule.notify == ("newsroom", "chief")
    assert rule.escalations == {"chief": Escalation(sources=3, within=timedelta(hours=6))}
    (kept,) = unpack("a.yaml", ESCALATED % when, pack((rule,))) or ()
    assert kept.escalations == rule.escalations


@pytest.mark.parametrize(
    ("written", "place", "said"),
    [
        (b"{endpoint: chief}", (7, 9), "`when` says"),
        (b"{endpoint: chief, when: {sources: 1, within: 6h}}", (7, 43), "a number from 2"),
        (b"{endpoint: chief, when: {sources: yes, within: 6h}}", (7, 43), "a number from 2"),
        (b"{endpoint: chief, when: {sources: 3, within: soon}}", (7, 54), "a length of time"),
        (b"{endpoint: chief, when: {sources: 3}}", (7, 33), "a length of time"),
        (b"{endpoint: chief, when: {source: 3, within: 6h}}", (7, 34), "unknown key `source`"),
        (b"{when: {sources: 3, within: 6h}}", (7, 9), "an endpoint is named here"),
        (b"newsroom", (7, 9), "there twice"),
        (b"3", (7, 9), "an endpoint is named here"),
    ],
)
def test_a_mistake_in_whom_to_tell_is_told_at_its_place(
    written: bytes, place: tuple[int, int], said: str
) -> None:
    with pytest.raises(RuleError) as caught:
        read_rules("a.yaml", ESCALATED % written)
    told = [(one.line, one.column) for one in caught.value.problems if said in one.message]
    assert told == [place]
