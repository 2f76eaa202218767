"""The starter rules on labelled passages, hard negatives among them, each written for this."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from rules import Entry, RuleBook, RuleSet, library_files

PASSAGES = [
    json.loads(line)
    for line in (Path(__file__).parent / "passages.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def starter() -> RuleSet:
    return RuleBook.empty().reload(library_files()).rules


def said(starter: RuleSet, text: str) -> list[str]:
    return sorted(match.rule for match in starter.match(Entry(key="1", text=text)))


@pytest.mark.parametrize("passage", PASSAGES, ids=lambda passage: passage["text"][:50])
def test_the_starter_rules_say_of_a_passage_what_a_careful_reader_would(
    starter: RuleSet, passage: dict
) -> None:
    assert said(starter, passage["text"]) == sorted(passage["rules"])


@pytest.mark.parametrize(
    "written",
    [
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: re.sub(r"(?<!\d) ", "\n", text),
        lambda text: "\ufeff" + text.replace("ó", "&oacute;").replace("º", "&ordm;"),
    ],
    ids=["decomposed", "no-break spaces", "line breaks", "entities"],
)
def test_the_way_in_which_a_passage_is_written_changes_nothing(
    starter: RuleSet, written: Callable[[str], str]
) -> None:
    differing = [
        p["text"] for p in PASSAGES if said(starter, written(p["text"])) != sorted(p["rules"])
    ]
    assert differing == []
