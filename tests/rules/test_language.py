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
        ("a | b AND c", 2, "Q105"),
        ("count(a b) >= 2", 0, "Q108"),
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
        ("title:extorsion NOT extors*", 0, "Q115"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_hint(query: str, offset: int, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert (caught.value.offset, caught.value.code) == (offset, code)
    assert caught.value.message
    assert caught.value.hint
    assert not caught.value.others


MISTAKES = {
    "tilte:x": "Q109",
    "title:(a OR text:b)": "Q109",
    "site:rpp.pe": "Q109",
    "a*b": "Q105",
    "exto?sion": "Q105",
    "title:foo~1": "Q105",
    "a && b": "Q105",
    "-(a b)": "Q105",
    "!a": "Q105",
    "day:[2020 TO 2021]": "Q105 Q109",
    "https://rpp.pe/a?b=1&c=(d)": "Q105",
    "a =>= 2": "Q105",
    "a AND OR b": "Q104",
    "a NEAR/3 AND b": "Q104",
    "(a NEAR/3) b": "Q104",
    "a NEAR/5 NOT b": "Q104",
    "(a OR )": "Q104",
    "exact:()": "Q104",
    "NOT NOT NOT a": "Q106",
    "NOT (NOT a)": "Q106",
    "a NEAR/3 b NEAR/4 c NEAR/5 d": "Q107",
    "(title:a NEAR/3 url:b)": "Q107",
    "(tilte:a NEAR/3 url:b)": "Q109",
    "((a OR tilte:b) NEAR/3 (c AND d))": "Q109",
    "a near/5 b": "Q107",
    "count(a b) >= 2": "Q108",
    "count(a) > 2": "Q108",
    "count(a) >= x": "Q108",
    "count(foo~1) >= 2": "Q105",
    "count(a) >= 0": "Q108",
    '"x"~': "Q110",
    "…": "Q111",
    "law:many": "Q112",
    "exact:(a b)": "Q112",
    "exact:(a tilte:b)": "Q109",
    "forms:(a b*c)": "Q105",
    "law:tilte:x": "Q109",
    "/a*/": "Q113",
    "forms(xx):a": "Q116",
    "forms(xx):(tilte:a)": "Q109 Q116",
    "words:none": "Q117",
    "words:tilte:x": "Q109",
}
"""Mistakes after which the rest of a query can be read, and their codes: each is told once."""


@pytest.mark.parametrize("first", MISTAKES)
def test_each_mistake_of_a_query_is_told_and_none_for_another(first: str) -> None:
    for second, codes in MISTAKES.items():
        for joined in (f"{first} OR a) OR ({second})", f"{first} AND (b OR {second} AND c) OR (d"):
            with pytest.raises(QueryError) as caught:
                parse_query(joined)
            told = [caught.value, *caught.value.others]
            expected = f"{MISTAKES[first]} {codes} Q103".split()
            assert sorted(one.code for one in told) == sorted(expected), joined
            assert [one.offset for one in told] == sorted(one.offset for one in told)
            assert all(one.hint for one in told)


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ('a*b "c && d', ["Q105", "Q102"]),
        ("a*b OR /c && (d", ["Q105", "Q105"]),
        ("(b && c OR", ["Q103", "Q105"]),
    ],
)
def test_what_stands_behind_something_left_open_is_not_judged(query: str, codes: list[str]) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert [one.code for one in (caught.value, *caught.value.others)] == codes


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
