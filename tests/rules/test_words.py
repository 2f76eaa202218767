"""Named lists of words in a rule file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import Entry, RuleError, RuleSet
from rules.files import read_rules, rules_and_problems
from rules.formatted import formatted
from rules.language import MOST_TERMS, QueryError, parse_query, written_query
from rules.query import print_query

LISTS = b"""version: 1
words:
  strike: paro OR huelga   # what it is called
  transport: |
    bus* OR combi
    OR forms(es):camionero
  both: (words:strike NEAR/8 words:transport)
rules:
  - id: transport-strike
    query: title:words:both
    tests: {match: [{title: "Huelga de camioneros"}], no_match: ["Huelga de hambre"]}
"""


def test_a_list_means_what_it_holds_wherever_it_is_named() -> None:
    (rule,) = read_rules("r.yaml", LISTS)
    said = print_query(rule.tree)
    assert said.startswith("((title:paro OR title:huelga) NEAR/8 (title:bus* OR title:combi")
    assert [name for name, _ in rule.words] == ["strike", "transport", "both"]
    entry = Entry(key="1", title="Los camioneros van a la huelga")
    (match,) = RuleSet([rule]).match(entry)
    assert {place.quote for place in match.because} == {"camioneros", "huelga"}


def test_another_list_makes_another_version_of_the_rule() -> None:
    (before,) = read_rules("r.yaml", LISTS)
    (after,) = read_rules("r.yaml", LISTS.replace(b"combi", b"micro"))
    assert before.query == after.query
    assert before.version != after.version


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (b"title:words:both", b"words:bth", "r.yaml:10:12: Q117 there is no list `bth`"),
        (b"words:strike NEAR", b"words:both NEAR", "r.yaml:7:10: Q117 there is no list `both`"),
        (
            b"paro OR huelga ",
            b"paro OR OR huelga ",
            "r.yaml:3:19: Q104 OR stands between two terms",
        ),
        (b"strike: paro OR huelga", b"strike: [paro]", "r.yaml:3:11: R113 `strike` is no list"),
        (
            b"title:words:both",
            b'words:"a b"',
            "r.yaml:10:12: Q117 `words:` takes the name of a list",
        ),
        (b"title:words:both", b"words:both NEAR/3 paro", "Q107 NEAR needs terms on both sides"),
    ],
)
def test_a_mistake_about_lists_has_its_place(before: bytes, after: bytes, told: str) -> None:
    _, problems = rules_and_problems("r.yaml", LISTS.replace(before, after))
    assert any(told in str(problem) for problem in problems), problems


def test_lists_of_lists_cannot_make_a_query_without_end() -> None:
    words = {"a": written_query(" OR ".join(f"w{n}" for n in range(1000)), {})}
    with pytest.raises(QueryError, match="more than 10,000 terms"):
        parse_query(" OR ".join(["words:a"] * (MOST_TERMS // 1000 + 1)), words=words)


def test_formatting_keeps_lists_their_names_and_comments() -> None:
    written = formatted("r.yaml", LISTS.replace(b"title:words:both", b"words:strike   words:both"))
    assert b"strike: paro OR huelga   # what it is called" in written
    assert b"query: words:strike AND words:both" in written
    assert formatted("r.yaml", written) == written


def test_a_file_with_bad_lists_is_refused() -> None:
    with pytest.raises(RuleError):
        read_rules("r.yaml", b"version: 1\nwords: [a]\nrules:\n  - {id: a, query: b}\n")


TERMS = ("paro", "bus*", '"paro nacional"', '"bus combi"~3', "words:strike", "words:bus", "ley-1")
LEAVES = st.sampled_from(TERMS)
NEARS = st.builds("({} NEAR/{} {})".format, LEAVES, st.integers(1, 60), LEAVES)
QUERIES = st.recursive(
    LEAVES | NEARS | st.builds("title:({} OR {})".format, LEAVES, LEAVES),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(("AND", "OR", "")), inner)
        | st.builds("{} AND NOT ({})".format, inner, inner)
    ),
    max_leaves=8,
)


@given(QUERIES)
def test_a_query_with_lists_prints_as_what_it_is(query: str) -> None:
    words = {"strike": written_query("paro OR huelga", {}), "bus": written_query("bus* OR combi")}
    for lists in (words, None):
        tree = written_query(query, lists)
        assert written_query(print_query(tree), lists) == tree
