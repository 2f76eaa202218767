"""An explanation shows what held, what did not, and the nearest miss."""

from __future__ import annotations

import pytest

from rules import Entry, Rule, RuleSet
from rules.explain import explain
from rules.language import parse_query


def test_a_failed_near_tells_its_nearest_miss() -> None:
    query = "extors* AND (cupos NEAR/2 bus)"
    rule = Rule(id="r", title="R", query=query, tree=parse_query(query))
    verdict = explain(rule, Entry(key="1", text="extorsion y cupos en cada gran bus"))
    word, near = verdict.children
    assert (verdict.held, word.held, near.held) == (False, True, False)
    assert [place.quote for place in word.because] == ["extorsion"]
    assert near.note == "distance 4, allowed 2"


@pytest.mark.parametrize(
    ("source", "held", "note"),
    [
        ("rpp", True, "the article is of `rpp`"),
        ("ojo", False, "the article is of `ojo`"),
        ("", False, "the article is of none"),
    ],
)
def test_a_rule_of_some_sources_is_explained_as_it_is_matched(
    source: str, held: bool, note: str
) -> None:
    rule = Rule(id="r", title="R", query="paro", tree=parse_query("paro"), only=("rpp", "andina"))
    entry = Entry(key="1", text="un paro", source=source)
    verdict = explain(rule, entry)
    sources, word = verdict.children
    assert (sources.label, sources.note) == ("sources: only rpp, andina", note)
    assert (verdict.held, sources.held, word.held) == (held, held, True)
    assert bool(RuleSet([rule]).match(entry)) == held
