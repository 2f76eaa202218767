"""Copies of one text are one story; what differs in a fact is another."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import yaml

from rules import Entry
from rules.story import bands, same_story

SETS = Path(__file__).parent / "stories"


def labelled(name: str) -> list[tuple[int, Entry]]:
    """Return the entries of a set, each with the number of its story."""
    found = []
    for number, story in enumerate(yaml.safe_load((SETS / name).read_text("utf-8"))):
        for title, text in story["copies"]:
            entry = Entry(key=str(len(found)), title=title, text=text.format(*story["says"]))
            found.append((number, entry))
    return found


def judged(name: str) -> tuple[float, list[str], list[str]]:
    """Return the pairwise F1 of a set, the pairs joined wrongly and those not found."""
    right, wrong, missed = 0, [], []
    for (story, one), (other_story, other) in combinations(labelled(name), 2):
        told = bool(set(bands(one)) & set(bands(other))) and same_story(one, other)
        pair = f"{one.title} = {other.title}"
        if story == other_story:
            right += told
            if not told:
                missed.append(pair)
        elif told:
            wrong.append(pair)
    return 2 * right / (2 * right + len(wrong) + len(missed)), wrong, missed


@pytest.mark.parametrize("name", ["tuning.yaml", "held_out.yaml"])
def test_copies_join_and_near_copies_that_are_other_stories_stay_apart(name: str) -> None:
    score, wrong, missed = judged(name)
    assert score >= 0.95, (wrong, missed)


@pytest.mark.parametrize("name", ["tuning.yaml", "held_out.yaml"])
def test_two_entries_are_one_story_whichever_comes_first(name: str) -> None:
    for (_, one), (_, other) in combinations(labelled(name), 2):
        assert same_story(one, other) is same_story(other, one)
