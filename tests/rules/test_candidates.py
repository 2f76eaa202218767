"""The fast way finds what the plain way finds, with the same places; only sooner."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import Entry, Rule, RuleSet
from rules.candidates import Anchors, Candidates, Rarity
from rules.language import parse_query
from rules.page import Page
from rules.query import And, Count, Near, Node, Not, Or, Term
from rules.quick import QuickPage
from tests.builders import a_rule

WORDS = ("ley", "extorsion", "paro", "lima", "no", "cupos", "sextorsion", "apec", "APEC", "32108")
FIELDS = ("", "", "", "title", "text", "tag", "lang", "url")


def terms() -> st.SearchStrategy[Term]:
    word = st.sampled_from(WORDS)
    field = st.sampled_from(FIELDS)

    def made(kind: str, words: list[str], field: str, slop: int) -> Term:
        folded = tuple(word.lower() for word in words)
        if kind in {"law", "decree"}:
            return Term(kind, "32108", ("32108",), field)  # type: ignore[arg-type]
        if kind == "prefix":
            return Term("prefix", words[0][:3], (folded[0][:3],), field)
        if kind == "exact":
            return Term("exact", " ".join(words), folded, field)
        if kind == "regex":
            return Term("regex", f"{words[0]}.{{0,3}}", (), field)
        if kind == "word":
            return Term("word", words[0], folded[:1], field)
        return Term(kind, " ".join(words), folded, field, slop if kind == "window" else 0)  # type: ignore[arg-type]

    kinds = st.sampled_from(
        ["word", "word", "phrase", "window", "prefix", "law", "decree", "exact", "regex"]
    )
    return st.builds(made, kinds, st.lists(word, min_size=1, max_size=3), field, st.integers(0, 3))


def trees() -> st.SearchStrategy[Node]:
    def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        parts = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return st.builds(And, parts) | st.builds(Or, parts) | st.builds(Not, inner)

    leaf = (
        terms()
        | st.builds(Near, terms(), terms(), st.integers(1, 4), st.booleans())
        | st.builds(Count, terms(), st.integers(1, 3))
    )
    return st.recursive(leaf, grown, max_leaves=6)


TEXTS = st.lists(
    st.sampled_from(
        (
            *WORDS,
            "Ley N.° 32.108",
            "leyes 32107 y 32108",
            "Decreto 32108-2024",
            "https://x.org/APEC",
            "EXTORSIÓN",
            "cupos2024lima",
            "paro" * 20,
            ". – …",
            ".",
            "\n",
        )
    ),
    max_size=20,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=8), st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_both_ways_give_the_same_matches_with_the_same_places(
    found: list[Node], articles: list[tuple[str, str]]
) -> None:
    rules = RuleSet(
        Rule(id=f"r{number}", title="r", query="", tree=tree) for number, tree in enumerate(found)
    )
    for title, text in articles:
        entry = Entry(key="1", title=title, text=text, lang="lima", tags=(title[:9],), url=text)
        assert rules.match(entry) == rules.match_plainly(entry)


def test_anchors_are_chosen_anew_as_words_are_seen_and_nothing_is_missed() -> None:
    rules = RuleSet([a_rule("one", "comun raro"), a_rule("two", '"raro comun"~3')])
    for number in range(600):
        entry = Entry(key="1", text=f"comun {'raro' if number % 50 == 0 else 'otra'}")
        assert rules.match(entry) == rules.match_plainly(entry)


class Interrupted(Page):
    """A page in whose midst, when its letters are read, something else happens once."""

    def __init__(self, entry: Entry, meanwhile: Callable[[], object]) -> None:
        super().__init__(entry)
        self._meanwhile = [meanwhile]

    def letters(self, group: str) -> str:
        if self._meanwhile:
            self._meanwhile.pop()()
        return super().letters(group)


def test_a_rule_just_changed_is_asked_while_another_thread_chooses_anchors_anew() -> None:
    entry = Entry(key="1", text="cupo")
    trees = {f"r{number}": parse_query(f"raro{number}x") for number in range(40)}
    candidates = Candidates(trees).changed_to({**trees, "r1": parse_query("cupo")})

    def meanwhile() -> None:
        for _ in range(64):  # after so many, anchors are chosen by what was seen
            candidates.of(Page(entry))

    assert {one.name for one in candidates.of(Interrupted(entry, meanwhile))} == {"r1"}


def test_the_rarer_side_of_an_and_is_its_anchor() -> None:
    rarity = Rarity()
    rarity.entries = 100
    rarity.seen.update({"comun": 90, "raro": 1})
    for query in ("comun raro", "(comun NEAR/3 raro)", '"comun raro"'):
        found = Anchors(rarity).of(parse_query(query))
        assert found is not None
        assert {atom.text for atom in found.atoms} == {"raro"}


@settings(max_examples=30, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=8), st.lists(TEXTS, min_size=1, max_size=4))
def test_a_long_text_whose_words_are_sought_in_one_go_gives_the_same(
    found: list[Node], pieces: list[str]
) -> None:
    rules = RuleSet(
        Rule(id=f"r{number}", title="r", query="", tree=tree) for number, tree in enumerate(found)
    )
    entry = Entry(
        key="1", title=pieces[0], text=f"{' '.join(pieces)} {'otra ' * 12_000}{pieces[-1]}"
    )
    assert rules.match(entry) == rules.match_plainly(entry)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(trees(), min_size=1, max_size=8),
    TEXTS,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    st.booleans(),
)
def test_of_a_text_full_of_hits_the_same_first_places_are_told(
    found: list[Node], title: str, often: list[str], begins: bool
) -> None:
    rules = RuleSet(
        Rule(id=f"r{number}", title="r", query="", tree=tree) for number, tree in enumerate(found)
    )
    text = " ".join(often * 150)
    entry = Entry(key="1", title=title, text=f"{title} {text}" if begins else text)
    assert rules.match(entry) == rules.match_plainly(entry)


def test_more_places_are_counted_than_are_told() -> None:
    rules = RuleSet([a_rule("all", "count(paro) >= 150"), a_rule("more", "count(paro) >= 151")])
    found = rules.match(Entry(key="1", text="paro " * 150))
    assert [(match.rule, len(match.because)) for match in found] == [("all", 100)]


def test_a_regex_that_matches_everywhere_is_not_looked_for_to_the_end() -> None:
    found = RuleSet([a_rule("one", "/a/ OR /x?a/ OR /(a{1,3}){1,9}/")]).match(
        Entry(key="1", text="a" * 1_000_000)  # each place costs a step, to the end it would be 10 s
    )
    assert len(found[0].because) == 100


def test_a_long_text_of_nothing_but_hits_is_judged_in_time() -> None:
    rules = RuleSet([a_rule("near", "(a NEAR/5 b)"), a_rule("window", '"a b"~5')])
    entry = Entry(key="1", text="a b " * 60_000)
    assert len(rules.match(entry)) == 2  # quadratic, it would take hours


@pytest.mark.parametrize(
    ("query", "meets"),
    [
        ("cupo NEAR/3 bus", True),
        ("cupo NEAR/2 bus", False),
        ("(cupo OR raro) NEAR/2 (lima OR bu*)", False),
        ("cup* NEAR/3 bu*", True),
        ('"el cupo" NEAR/2 "un bus"', True),
        ('"el bus"~9 NEAR/1 lima', True),
        ("cupo NEAR/2 /bus/", True),
        ("title:cupo NEAR/2 bus", False),
    ],
)
def test_a_near_is_refused_for_the_words_around_or_looked_at_in_earnest(
    query: str, meets: bool
) -> None:
    near = parse_query(query)
    assert isinstance(near, Near)
    page = QuickPage(Entry(key="1", text="El cupo de un bus. Nada más se supo ayer en toda Lima."))
    page.words("")  # otherwise it is asked too little to know them
    assert page.may_meet(near) is meets
