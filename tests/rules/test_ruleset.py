"""Rules match what they ask for, and say why with exact places."""

from __future__ import annotations

import pytest

from rules import Entry, Rule, RuleSet
from rules.language import parse_query


def matched(query: str, text: str = "", **fields: object) -> list[str] | None:
    rule = Rule(id="r", title="R", query=query, tree=parse_query(query))
    entry = Entry(key="1", text=text, **fields)
    found = RuleSet([rule]).match(entry)
    if not found:
        return None
    for place in found[0].because:
        value = getattr(entry, place.field if place.field != "author" else "text")
        if place.field != "author":
            assert value[place.start : place.end] == place.quote
    return [place.quote for place in found[0].because]


@pytest.mark.parametrize(
    ("query", "text", "quotes"),
    [
        ("extorsion", "La EXTORSIO\u0301N crece", ["EXTORSIO\u0301N"]),
        ("extors*", "extorsionaban", ["extorsionaban"]),
        ('"ley procrimen"', "Ley  procrimen", ["Ley  procrimen"]),
        ('"ley crimen"~1', "ley pro crimen", ["ley pro crimen"]),
        ("cupos NEAR/2 bus", "cupos del bus", ["cupos", "bus"]),
        ("cupos NEAR/1 bus", "cupos del bus", None),
        ("bus ONEAR/3 cupos", "cupos del bus", None),
        ("/extorsi[oó]n/", "Extorsión", ["Extorsión"]),
        ('exact:"APEC"', "apec APEC", ["APEC"]),
        ("exact:paro", "paró", None),
        ("count(cupo) >= 2", "cupo", None),
        ("count(cupo) >= 2", "cupo, cupo", ["cupo", "cupo"]),
        ("a AND NOT b", "a b", None),
        ("(a AND b) OR c", "a c", ["c"]),
        ("covid19", "covid-19", ["covid-19"]),
    ],
)
def test_a_query_quotes_what_convinced_it(query: str, text: str, quotes: list[str] | None) -> None:
    assert matched(query, text) == quotes


def test_a_scope_looks_in_its_field_only() -> None:
    assert matched("title:ley", "ley") is None
    assert matched("title:ley", title="La ley") == ["ley"]
    assert matched("source:green-left", source="green-left") == ["green-left"]
    assert matched("lang:es", lang="es-PE") == ["es"]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("paro", [("text", 4), ("text", 13)]),
        ("title:paro", [("title", 3)]),
        ("count(paro) >= 3", []),
        ("/paro$/", [("title", 3)]),
    ],
)
def test_a_title_with_which_the_text_begins_is_told_once(
    query: str, places: list[tuple[str, int]]
) -> None:
    rule = Rule(id="r", title="r", query=query, tree=parse_query(query))
    found = RuleSet([rule]).match(
        Entry(key="1", title="Un paro", text="\nUn paro\n\nel paro de ayer")
    )
    told = [(place.field, place.start) for match in found for place in match.because]
    assert told == places
