"""`forms:` finds every form of a word that its language has, and none of its false friends."""

from __future__ import annotations

import pytest

from rules import Entry, RuleSet
from rules.files import read_rules
from rules.forms import forms
from rules.language import QueryError, parse_query
from rules.query import print_query
from tests.builders import a_rule


def holds(query: str, text: str) -> bool:
    return bool(RuleSet([a_rule(query=query)]).match(Entry(key="1", text=text)))


@pytest.mark.parametrize(
    ("language", "word", "found", "not_found"),
    [
        (
            "es",
            "extorsión",
            "extorsiones extorsionaban extorsionó extorsionador extorsionadoras extorsivo extorsivas",
            "distorsión contorsión sextorsión extorno torsión",
        ),
        ("es", "paro", "paros", "parar pares parado amparo"),
        ("es", "ley", "leyes", "leyó leyenda"),
        ("es", "derogar", "derogan deroguen derogó derogación derogada", "interrogar"),
        ("en", "strike", "strikes struck striking", "stroke"),
        ("en", "extort", "extorted extorting extortion extortionists", "exhort"),
        ("pt", "greve", "greves", "grave"),
        ("fr", "manifester", "manifestent manifestation manifestants", "manier"),
    ],
)
def test_a_word_stands_for_its_forms_and_its_family(
    language: str, word: str, found: str, not_found: str
) -> None:
    query = f"forms({language}):{word}"
    assert [form for form in found.split() if not holds(query, form)] == []
    assert [form for form in not_found.split() if holds(query, form)] == []


def test_a_form_can_be_vetoed() -> None:
    assert holds("forms(en):extort", "extortionate prices")
    vetoed = "forms(en,-extortionate,-extortionately):extort"
    assert not holds(vetoed, "extortionate prices")
    assert holds(vetoed, "they extorted")


def test_a_word_that_no_list_has_stands_for_itself() -> None:
    assert forms("chalequeoxyz", ["es"]) == ("chalequeoxyz",)


def test_forms_stand_wherever_a_term_does() -> None:
    assert holds("(forms(es):cobrar NEAR/3 forms(es):cupo)", "cobraban los cupos")
    assert holds("count(forms(es):ley) >= 2", "una ley y otras leyes")
    assert not holds("title:forms(es):ley", "leyes")


def test_the_languages_of_a_rule_are_those_of_its_forms() -> None:
    text = "version: 1\nrules:\n  - {id: one, query: 'forms:extorsión', languages: [es]}\n"
    (rule,) = read_rules("a.yaml", text.encode())
    assert print_query(rule.tree) == "forms(es):extorsión"


def test_what_is_printed_is_read_as_the_same() -> None:
    tree = parse_query("forms(es,-extorsivo):extorsión OR forms(en):strike")
    assert parse_query(print_query(tree)) == tree


@pytest.mark.parametrize(
    ("query", "code"),
    [("forms(xx):paro", "Q116"), ('forms(es):"dos palabras"', "Q112"), ("forms(es):(a b)", "Q112")],
)
def test_a_mistake_is_told_with_what_to_do(query: str, code: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(query)
    assert caught.value.code == code
    assert caught.value.hint
