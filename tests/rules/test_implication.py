"""One query holds wherever another does: never a wrong yes, and a yes for what people write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import Entry
from rules.implication import implies
from rules.language import parse_query, written_query
from rules.page import Page
from rules.plain import judge
from rules.query import And, Count, Near, Node, Not, Or, Term
from rules.sense import can_hold


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("extorsion", "extors*"),
        ("extorsion*", "extors*"),
        ("cupo AND lima", "cupo"),
        ("cupo", "lima OR cupo"),
        ("(cupo OR paro) lima", "lima (paro* OR cup*)"),
        ('"paro nacional indefinido"', '"paro nacional"'),
        ('"paro nacional"', "paro nac*"),
        ('"paro nacional"', '"nacional paro"~2'),
        ('"paro nacional"~2', "paro nacional"),
        ('"paro nacional"~2', '"nacional paro"~4'),
        ('exact:"Paro Nacional"', '"paro nacional"'),
        ("covid-19", "covid"),
        ("title:cupo", "cupo"),
        ("text:cupo", "cup*"),
        ("extorsiones", "forms(es):extorsión"),
        ("forms(es):extorsión", "extor*"),
        ("(paro NEAR/3 lima)", "paro AND lima"),
        ("(paro ONEAR/3 lima)", "((cusco OR lima) NEAR/8 par*)"),
        ("count(cupo) >= 3", "count(cupo) >= 2"),
        ("count(cupo) >= 3", "cup*"),
        ("paro NOT extors*", "paro NOT extorsion"),
        ("paro NOT (lima OR cusco)", "paro NOT (lima AND cusco)"),
    ],
)
def test_what_holds_wherever_another_does_is_known(narrow: str, wide: str) -> None:
    assert implies(parse_query(narrow), parse_query(wide))
    assert not implies(parse_query(wide), parse_query(narrow))


@pytest.mark.parametrize(
    ("node", "other"),
    [
        ("lima", "url:lima"),
        ("extors*", "extorsion"),
        ("law:32108", "32108"),
        ("exact:APEC", "exact:Apec"),
        ('"paro de lima"', '"paro lima"'),
        ('"paro de lima"', '"paro lima"~0'),
        ("(paro NEAR/3 lima)", "(paro ONEAR/3 lima)"),
        ('("gran paro" NEAR/3 lima)', "(gran NEAR/3 lima)"),
        ("paro NOT extorsion", "paro NOT extors*"),
    ],
)
def test_what_may_hold_without_another_is_not_said_to_imply_it(node: str, other: str) -> None:
    assert not implies(parse_query(node), parse_query(other))


_WORDS = ("ab", "abc", "b", "ab1", "1")
_FIELDS = st.sampled_from(("", "", "title", "text", "url"))


@st.composite
def _terms(draw: st.DrawFn) -> Term:
    words = draw(st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3))
    kind = draw(st.sampled_from(("word", "phrase", "prefix", "window", "exact", "forms")))
    field = draw(_FIELDS)
    if kind == "forms":
        return Term("forms", words[0], tuple(words), field)
    text = {"word": "-".join(words), "prefix": "-".join(words) + "*"}.get(kind)
    marks = {"phrase": "", "window": f"~{draw(st.integers(0, 2))}"}
    text = text or f'{"exact:" if kind == "exact" else ""}"{" ".join(words)}"{marks.get(kind, "")}'
    term = written_query(f"{field}:{text}" if field else text)
    assert isinstance(term, Term)
    return term


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(And, parts) | st.builds(Or, parts) | st.builds(Not, inner)


_SIDES = _terms() | st.builds(Or, st.tuples(_terms(), _terms()))
_LEAVES = (
    _terms()
    | st.builds(Near, _SIDES, _SIDES, st.integers(1, 3), st.booleans())
    | st.builds(Count, _terms(), st.integers(1, 3))
)
_TREES = st.recursive(_LEAVES, _grown, max_leaves=4)
_TEXTS = st.lists(st.sampled_from((*_WORDS, "ab-abc", "Ab", ".", "\n")), max_size=6).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(_TREES, _TREES, st.lists(st.tuples(_TEXTS, _TEXTS, _TEXTS), min_size=1, max_size=8))
def test_what_is_said_to_imply_another_never_holds_without_it(
    node: Node, other: Node, texts: list[tuple[str, str, str]]
) -> None:
    implied, possible = implies(node, other), can_hold(And((node, Not(other))))
    for title, text, url in texts:
        page = Page(Entry(key="1", title=title, text=text, url=url))
        held = judge(node, page) is not None
        without = held and judge(other, page) is None
        assert not (without and (implied or not possible)), (node, other)
        assert can_hold(node) or not held
