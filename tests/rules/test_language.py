"""Queries parse, print and fail as their writers expect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.language import QueryError, parse_query
from rules.query import print_query


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("a b NOT c", "a AND b AND NOT c"),
        ("a b OR c", "a AND b OR c"),
        ("title:(a OR b)", "title:a OR title:b"),
        ("(extors* OR cupos) NEAR/8 bus*", "((extors* OR cupos) NEAR/8 bus*)"),
        ("“ley procrimen”~2", '"ley procrimen"~2'),
        ('exact:"APEC" AND law:32.108', 'exact:"APEC" AND law:32108'),
        ("count(cupo) >= 2", "count(cupo) >= 2"),
    ],
)
def test_a_query_has_one_canonical_form(query: str, canonical: str) -> None:
    assert print_query(parse_query(query)) == canonical


@pytest.mark.parametrize(
    ("query", "offset", "code"),
    [
        ("", 0, "Q101"),
        ('a "b', 2, "Q102"),
        ("(a", 0, "Q103"),
        ("a)", 1, "Q103"),
        ("a AND", 4, "Q104"),
        ("a && b", 2, "Q105"),
        ("foo~1", 3, "Q105"),
        ("a*b", 1, "Q105"),
        ("a NEAR/3 b NEAR/4 c", 11, "Q107"),
        ("a NEAR/3 (b AND c)", 2, "Q107"),
        ("title: x", 0, "Q109"),
        ("a -b", 2, "Q105"),
        ('-"a b"', 0, "Q105"),
        ("exto?sion", 4, "Q105"),
        ("site:rpp.pe", 0, "Q109"),
        ("a AROUND(3) b", 2, "Q107"),
        ("a NEAR b", 2, "Q107"),
        ("b OR (title:a NEAR/3 text:a)", 14, "Q107"),
        ("(a NEAR/3 (url:a OR tag:b))", 3, "Q107"),
        ("a near/5 b", 2, "Q107"),
        ("a NEAR/5 NOT b", 9, "Q104"),
        ("a | b AND (c", 2, "Q105"),
        ("count(a b) >= 2", 8, "Q108"),
        ("count(a) AND b", 0, "Q108"),
        ("tilte:x", 0, "Q109"),
        ('"x"~', 3, "Q110"),
        ("law:many", 0, "Q112"),
        ("/(?=a)/", 0, "Q113"),
        ("/a*/", 0, "Q113"),
        ("/.{0,900}x/", 0, "Q113"),
        ("NOT x", 0, "Q114"),
        ("a OR NOT b", 0, "Q114"),
        ("a AND NOT a", 0, "Q115"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_hint(query: str, offset: int, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert (caught.value.offset, caught.value.code) == (offset, code)
    assert caught.value.message
    assert caught.value.hint


QUERIES = st.text(st.sampled_from('abAND ORNT/5"()*:~lawtixe=>19!&\\é“'), max_size=40) | st.text()


@pytest.mark.parametrize("query", ["(" * 9_000, "NOT " * 4_000 + "a", "count(" * 3_000])
def test_no_depth_of_a_query_exhausts_the_stack(query: str) -> None:
    with pytest.raises(QueryError):
        parse_query(query)
    assert print_query(parse_query("title:" * 3_000 + "a")) == "title:a"


@given(QUERIES)
def test_any_text_is_a_query_or_a_query_error_and_prints_back(text: str) -> None:
    try:
        tree = parse_query(text)
    except QueryError:
        return
    assert parse_query(print_query(tree)) == tree
