"""An edit is told word by word."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.difference import difference

WORDS = st.lists(st.sampled_from(["ley", "32108", "cupo ", "¡paro!", "\n", "a", "b,"]), max_size=30)


def edits(old: str, new: str) -> list[tuple[str, str]]:
    changes = difference({"text": old}, {"text": new})
    return [(change.before.strip(), change.after.strip()) for change in changes]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("one two three", "one 2 three", [("two", "2")]),
        ("one two", "one two three", [("two", "two three")]),
        ("one two three", "one three", [("two", "")]),
        ("", "one", [("", "one")]),
        ("one  two\n", "one two", []),
        ("at least 8 hurt", "at least 6 hurt", [("8", "6")]),
        ("a b c d e f", "x b c d e y", [("a", "x"), ("f", "y")]),
    ],
)
def test_what_was_edited_is_told(old: str, new: str, told: list[tuple[str, str]]) -> None:
    assert edits(old, new) == told


@given(WORDS, WORDS)
def test_the_changes_make_the_new_text_of_the_old(old: list[str], new: list[str]) -> None:
    before, after = " ".join(old), " ".join(new)
    text = before
    for change in reversed(difference({"text": before}, {"text": after})):
        assert before[change.start :].startswith(change.before)
        text = text[: change.start] + change.after + text[change.start + len(change.before) :]
    assert text.split() == after.split()


def test_an_edit_shows_what_stands_around_it() -> None:
    before = "x" * 200 + " the minister said that 17,000 cases were reported " + "y" * 200
    (change,) = difference({"text": before}, {"text": before.replace("17,000", "14,220")})
    assert (change.lead, change.tail) == ("the minister said that ", "cases were reported")
    assert (change.before, change.after) == ("17,000 ", "14,220 ")


def test_a_long_text_that_is_another_costs_little() -> None:
    chance = random.Random(1)
    old, new = (" ".join(chance.choices("abcdefgh", k=30_000)) for _ in range(2))
    assert edits(old, new) == [(old, new)]
