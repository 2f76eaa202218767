"""The starter rules on labelled passages, hard negatives among them, each written for this."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rules import Entry, RuleBook, RuleSet, library_files
from rules.visible import visible_text

PASSAGES = [
    json.loads(line)
    for line in (Path(__file__).parent / "passages.jsonl").read_text("utf-8").splitlines()
]


@pytest.fixture(scope="module")
def starter() -> RuleSet:
    return RuleBook.empty().reload(library_files()).rules


def as_given(text: str) -> str:
    return text


def said(
    starter: RuleSet, passage: dict[str, Any], written: Callable[[str], str] = as_given
) -> list[str]:
    """Return what matches a passage, its text or HTML written otherwise."""
    text = written(passage["text"]) if "text" in passage else visible_text(passage["html"])
    entry = Entry(key="1", title=written(passage.get("title", "")), text=text)
    return sorted(match.rule for match in starter.match(entry))


@pytest.mark.parametrize(
    "passage", PASSAGES, ids=lambda passage: passage.get("text", passage.get("html"))[:50]
)
def test_the_starter_rules_say_of_a_passage_what_a_careful_reader_would(
    starter: RuleSet, passage: dict[str, Any]
) -> None:
    assert said(starter, passage) == passage["rules"]


@pytest.mark.parametrize(
    "written",
    [
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: re.sub(r"(?<!\d) ", "\n", text),
        lambda text: "\ufeff" + text.replace("ó", "&oacute;").replace("º", "&ordm;"),
        lambda text: re.sub(r"(?<=[^\W\d]{3})(?=[^\W\d]{3})", "\u00ad", text),
        lambda text: re.sub(r"(?<=[^\W\d]{2})(?=[^\W\d]{2})", "\u200b", text, count=20),
    ],
    ids=["decomposed", "no-break spaces", "line breaks", "entities", "soft hyphens", "zero-width"],
)
def test_the_way_in_which_a_passage_is_written_changes_nothing(
    starter: RuleSet, written: Callable[[str], str]
) -> None:
    differing = [
        passage for passage in PASSAGES if said(starter, passage, written) != passage["rules"]
    ]
    assert differing == []
