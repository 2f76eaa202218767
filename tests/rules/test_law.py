"""A law is found in every spelling of its number, and never in what only looks like it."""

from __future__ import annotations

import pytest

from rules import Entry, Rule, RuleSet
from rules.fold import fold
from rules.language import parse_query
from rules.law import citations


def cited(text: str) -> dict[str, list[str]]:
    folded = fold(text)
    return {
        number: [text[c.start : c.end] for c in found]
        for number, found in citations(text, folded).items()
    }


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("La Ley 32108 rige", "Ley 32108"),
        ("LEY Nº 32108", "LEY Nº 32108"),
        ("Ley N°32108", "Ley N°32108"),
        ("la Ley N.° 32.108", "Ley N.° 32.108"),
        ("Ley Nro. 32108", "Ley Nro. 32108"),
        ("Ley núm. 32108", "Ley núm. 32108"),
        ("Ley Nº\u00a032108", "Ley Nº\u00a032108"),
        ("Ley\nN.º\n32108", "Ley\nN.º\n32108"),
        ("Ley n.&ordm; 32108", "Ley n.&ordm; 32108"),
        ("Ley\u200b32108", "Ley\u200b32108"),
        ("#Ley32108", "Ley32108"),
        ("Law No. 32108", "Law No. 32108"),
        ("Law 32,108", "Law 32,108"),
        ("Law 32108's critics", "Law 32108"),
        ("Lei nº 32.108", "Lei nº 32.108"),
        ("loi n° 32\u202f108", "loi n° 32\u202f108"),
        ("leyes 31990, 32107 y 32108", "32108"),
        ("laws 31990, 32054 and 32108", "32108"),
        ("Ley contra el crimen organizado (32108)", "32108"),
        ("Ley de Crimen Organizado N.° 32108", "32108"),
        ("Peru's law on organised crime, No. 32108", "32108"),
        ("la ley conocida como 32108", "32108"),
        ("la loi péruvienne n° 32108", "loi péruvienne n° 32108"),
        ("leyes 32107 (plazos) y 32108 (crimen organizado)", "32108"),
        ("leyes 32107/32108", "32108"),
        ("la Ley 32107, y la 32108 también", "32108"),
        ("La Ley 32107 rige. Sobre la 32108 no se debatió", "32108"),
        ("L\u200bey 3\u200b2\u00ad108", "L\u200bey 3\u200b2\u00ad108"),
        ("Law 30077, as amended by Law 32108", "Law 32108"),
        ("Ley No.&nbsp;32108", "Ley No.&nbsp;32108"),
        ("Ley **32108**", "Ley **32108"),
    ],
)
def test_a_law_is_found_in_every_spelling(text: str, quote: str) -> None:
    assert cited(text).get("32108") == [quote]


@pytest.mark.parametrize(
    "text",
    [
        "Expediente 132108",
        "Ley 321080",
        "Public Law 32-108",
        "la ley cuesta S/ 32108",
        "Exp. 32108-2024",
        "Bylaw 32108",
        "the by-law 32108",
        "Decreto nº 32.108",
        "Decreto Ley 32108",
        "Proyecto de Ley 32108/2023-CR",
        "según la ley. 32108 personas",
        "by law, 32,108 people",
        "la ley suma 32108 firmas",
        "Ley 32.108 personas",
        "Ley de Transparencia: solicitud N.° 32108",
        "Ley de Tránsito, papeleta N.° 32108",
        "Proyectos de Ley N.° 32107 y 32108",
        "proposition de loi n° 32108",
        "Law 32108B",
        "leyes 30077 y 27379, 32108 firmas",
        "la 32108 no existe",
        "Ley 32.108.500",
    ],
)
def test_what_only_looks_like_the_law_is_not_found(text: str) -> None:
    assert "32108" not in cited(text)


def holds(query: str, text: str) -> bool:
    rule = Rule(id="r", title="r", query=query, tree=parse_query(query))
    return bool(RuleSet([rule]).match(Entry(key="1", text=text)))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("decree:1731", "El Decreto Legislativo N.° 1731 modifica la Ley 30077"),
        ("decree:1731", "D. Leg. 1731"),
        ("decree:25475", "Decreto Ley 25475"),
        ("decree:25475", "Decree-Law No. 25475"),
        ("decree:15", "Decreto Supremo N.º 015-2024-PCM"),
        ("decree:15", "el Decreto de Urgencia 015-2020"),
        ("decree:9876", "o decreto nº 9.876"),
        ("decree:2024", "le décret n° 2024-123"),
        ("bill:5981", "Proyecto de Ley 5981/2023-CR"),
        ("bill:5981", "los proyectos de ley 5981, 6000 y 7002"),
        ("bill:7002", "los proyectos de ley 5981, 6000 y 7002"),
        ("bill:245", "Senate passes Bill No. 245"),
        ("bill:3000", "Projeto de Lei nº 3000/2023"),
    ],
)
def test_decrees_and_bills_are_found_by_their_numbers(query: str, text: str) -> None:
    assert holds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("decree:1731", "Ley 1731"),
        ("decree:32108", "Ley N.° 32108"),
        ("bill:5981", "Ley 5981"),
        ("law:5981", "Proyecto de Ley 5981/2023-CR"),
        ("law:1731", "Decreto Legislativo 1731"),
        ("bill:2023", "Proyecto de Ley 5981/2023-CR"),
        ("decree:1731", "Decreto 11731"),
    ],
)
def test_a_law_is_no_decree_and_no_bill(query: str, text: str) -> None:
    assert not holds(query, text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("La Ley 30077, 32108 firmas y un plantón", ["30077"]),
        ("Ley 30077, 32108 y 32138", ["30077", "32108", "32138"]),
        ("Ley 30077, 32108.", ["30077", "32108"]),
        ("leyes 30077, 32108 que rigen", ["30077", "32108"]),
        ("la Ley 30077 y la 32108 que rigen", ["30077", "32108"]),
    ],
)
def test_a_number_after_one_law_that_counts_something_is_no_law(
    text: str, numbers: list[str]
) -> None:
    assert sorted(cited(text)) == numbers


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("decree:1731", "el D.Leg. N.° 1731"),
        ("decree:1731", "el D. Leg. Nº 1731"),
        ("decree:1731", "el DL 1731"),
        ("bill:5981", "el PL 5981/2023-CR"),
        ("bill:5981", "el PL N.° 5981"),
    ],
)
def test_shortened_names_may_have_a_sign_before_the_number(query: str, text: str) -> None:
    assert holds(query, text)
