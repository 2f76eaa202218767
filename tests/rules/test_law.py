"""A law is found in every spelling of its number, and never in what only looks like it."""

from __future__ import annotations

import pytest

from rules.fold import fold
from rules.law import citations


def cited(text: str) -> dict[str, list[str]]:
    folded = fold(text)
    return {
        number: [text[folded.starts[c.first] : folded.ends[c.last]] for c in found]
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
        "Ley 32.108.500",
    ],
)
def test_what_only_looks_like_the_law_is_not_found(text: str) -> None:
    assert "32108" not in cited(text)
