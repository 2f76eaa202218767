"""A rule file that was read once is not parsed again, and nothing depends on that."""

from __future__ import annotations

import os

import pytest

from rules import RuleBook
from rules import book as books
from watcher.parsed import ParsedRules

FILE = {
    "a.yaml": """version: 1
rules:
  - id: one
    query: forms(es):extorsión AND (law:32108 OR "paro nacional"~2) NOT title:cine*
    sources: {except: [x]}
    tests: {match: ["Ley 32108: extorsiones"], no_match: [paro]}
""".encode()
}


@pytest.fixture
def kept(tmp_path):
    return ParsedRules(tmp_path / "parsed")


def test_rules_come_back_as_they_were_read(kept, monkeypatch) -> None:
    first = RuleBook.empty(kept).reload(FILE)
    monkeypatch.setattr(books, "rules_and_problems", None)  # parsing would raise
    again = RuleBook.empty(kept).reload(FILE)
    one, other = first.rules.rules["one"], again.rules.rules["one"]
    assert (one.tree, one.tests, one.version) == (other.tree, other.tests, other.version)
    assert one.problem(("query",), "X", "x").line == other.problem(("query",), "X", "x").line == 4


def test_a_damaged_file_is_parsed_again(kept, tmp_path) -> None:
    RuleBook.empty(kept).reload(FILE)
    (damaged,) = (tmp_path / "parsed").iterdir()
    for data in (b"", b"\x93", damaged.read_bytes()[:-9]):
        damaged.write_bytes(data)
        assert "one" in RuleBook.empty(kept).reload(FILE).rules.rules


def test_rules_that_were_not_tested_are_no_stand_in_for_tested_ones(kept) -> None:
    bad = {"a.yaml": FILE["a.yaml"].replace(b"[paro]", '["Ley 32108: extorsión"]'.encode())}
    assert RuleBook.empty(kept).reload(bad, tested=False).problems == ()
    assert RuleBook.empty(kept).reload(bad).problems != ()


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path) -> None:
    (tmp_path / "parsed").write_text("no folder")
    kept = ParsedRules(tmp_path / "parsed")
    assert "one" in RuleBook.empty(kept).reload(FILE).rules.rules
    kept.tidy()


def test_what_no_start_wanted_for_a_month_is_removed(kept, tmp_path) -> None:
    RuleBook.empty(kept).reload(FILE)
    kept.tidy()
    (file,) = (tmp_path / "parsed").iterdir()
    os.utime(file, (0, 0))
    kept.tidy()
    assert list((tmp_path / "parsed").iterdir()) == []
