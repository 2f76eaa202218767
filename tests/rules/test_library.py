"""The shipped rules keep their own promises and find the seed article."""

from __future__ import annotations

from pathlib import Path

from rules import Entry, RuleBook, library_files
from rules.inline import failures

BOOK = RuleBook.empty().reload(library_files())
SEED = Path(__file__).parents[2] / "watcher/starter/articles/peru-strike-law-32108.md"


def test_the_five_rules_are_whole_and_their_examples_pass() -> None:
    assert BOOK.problems == ()
    assert set(BOOK.rules.rules) == {
        "law-32108",
        "extortion",
        "national-strike",
        "protest-repression",
        "apec-protest",
    }
    assert [failure for rule in BOOK.rules.rules.values() for failure in failures(rule)] == []


def test_the_seed_article_matches_all_five_with_exact_quotes() -> None:
    entry = Entry(key="seed", text=SEED.read_text("utf-8"))
    matches = BOOK.rules.match(entry)
    assert {match.rule for match in matches} == set(BOOK.rules.rules)
    for match in matches:
        for place in match.because:
            assert entry.text[place.start : place.end] == place.quote
