"""An explanation shows what held, what did not, and the nearest miss."""

from __future__ import annotations

from rules import Entry, Rule
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
