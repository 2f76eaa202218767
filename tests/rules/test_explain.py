"""An explanation shows what held, what did not, and the nearest miss."""

from __future__ import annotations

import pytest

from rules import Entry, Rule, RuleSet
from rules.explain import explain
from rules.language import parse_query


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("(cupos NEAR/2 bus)", "distance 4, allowed 2"),
        ("(bus ONEAR/9 cupos)", "distance 4, but in the other order"),
        ("(extorsion NEAR/9 banda)", "not in the same field"),
        ("(extorsion NEAR/9 sicarios)", ""),
        ('"cupos bus"~2', "3 others among them, allowed 2"),
        ('"cupos bus"', "3 others among its words"),
        ('"cupos y"', "its words in another order"),
        ('"cupos sicarios"', ""),
        ("count(cupos) >= 2", "1 of 2"),
    ],
)
def test_what_fails_tells_its_nearest_miss(query: str, note: str) -> None:
    whole = f"extors* AND {query}"
    rule = Rule(id="r", title="R", query=whole, tree=parse_query(whole))
    entry = Entry(key="1", title="Cae una banda", text="extorsion y cupos en cada gran bus")
    verdict = explain(rule, entry)
    word, failed = verdict.children
    assert (verdict.held, word.held, failed.held) == (False, True, False)
    assert [place.quote for place in word.because] == ["extorsion"]
    assert failed.note == note


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
