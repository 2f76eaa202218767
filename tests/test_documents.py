"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules import Entry, RuleSet
from rules.files import read_rules
from rules.language import QueryError, parse_query
from rules.rule import Rule
from tests.desks import SECRET
from tests.journeys.running import tocsin
from watcher.settings import read_settings

ROOT = Path(__file__).parent.parent
LANGUAGE = (ROOT / "rules" / "README.md").read_text("utf-8")
BY_EXAMPLE = LANGUAGE.partition("## The language by example")[2].partition("\n## ")[0]
ELSEWHERE = LANGUAGE.partition("## When you come from elsewhere")[2].partition("\n## ")[0]
LISTS = {"strike": parse_query("paro OR huelga")}

FINDS: dict[str, tuple[list[str | dict[str, str]], list[str | dict[str, str]]]] = {
    "extorsion": (["extorsión", "EXTORSIÓN", "extor\u00adsión"], ["sextorsión"]),
    "extors*": (["extorsionador"], ["distorsión"]),
    '"paro nacional"': (["paro\nnacional"], ["paro más nacional"]),
    "paro huelga": (["huelga y paro"], ["huelga"]),
    "paro AND huelga": (["huelga y paro"], ["huelga"]),
    "paro OR huelga": (["huelga", "paro"], ["amparo"]),
    "paro NOT cardiaco": (["un paro"], ["paro cardíaco"]),
    "(paro OR huelga) AND lima": (["Huelga en Lima"], ["Huelga en Cusco", "Lima"]),
    '"paro transportistas"~5': (
        ["paro a b c d e transportistas", "transportistas en paro"],
        ["paro a b c d e f transportistas"],
    ),
    "((paro OR huelga) NEAR/8 transport*)": (
        ["huelga a b c d e f g transportistas", "transporte en paro"],
        ["huelga a b c d e f g h transportistas"],
    ),
    "(paro ONEAR/3 lima)": (["paro en Lima"], ["Lima en paro"]),
    "forms(es):extorsión": (
        ["extorsiones", "extorsionaban", "extorsionador", "extorsivo"],
        ["distorsión", "sextorsión"],
    ),
    "forms(en,-extortionate):extort": (["extorted", "extorting"], ["extortionate"]),
    "law:32108": (
        ["Ley 32108", "Ley N.° 32.108", "Law No. 32,108", "loi n° 32 108", "leyes 32107 y 32108"],
        ["ley 132108", "Exp. 32108-2024"],
    ),
    "decree:1731": (
        ["Decreto Legislativo N.° 1731", "D. Leg. 1731", "Decreto Supremo 1731-2024-PCM"],
        ["Ley 1731"],
    ),
    "bill:5981": (["Proyecto de Ley 5981/2023-CR"], ["Ley 5981"]),
    "exact:APEC": (["APEC"], ["Apec"]),
    "words:strike": (["huelga", "paro"], ["strike"]),
    "count(extorsion) >= 3": (["extorsión " * 3], ["extorsión " * 2]),
    "/ley(es)? pro.?crimen/": (["La LEY pro crimen", "leyes procrimen"], ["ley del crimen"]),
    "title:extorsion": ([{"title": "La extorsión"}], ["la extorsión"]),
    "lang:es source:rpp tag:peru": (
        [{"lang": "es", "source": "rpp", "tag": "peru"}],
        [{"lang": "pt", "source": "rpp", "tag": "peru"}, {"lang": "es", "source": "rpp"}],
    ),
}
"""What each query of the table finds, and what it does not."""


def queries_of(table: str, column: int) -> list[str]:
    """Return what stands as code in that column of a table, its bars without their backslash."""
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row[:1] == "|"]
    found = (re.findall(r"`(.+?)`", row[column]) for row in rows if len(row) > column)
    return [query.replace(r"\|", "|") for queries in found for query in queries]


def holds(query: str, example: str | dict[str, str]) -> bool:
    fields = {"text": example} if isinstance(example, str) else dict(example)
    tags = tuple(filter(None, [fields.pop("tag", "")]))
    rule = Rule(id="r", title="r", query=query, tree=parse_query(query, words=LISTS))
    return bool(RuleSet([rule]).match(Entry(key="1", tags=tags, **fields)))


def test_every_query_of_the_language_by_example_is_tried() -> None:
    assert queries_of(BY_EXAMPLE, 0) == list(FINDS)


@pytest.mark.parametrize("query", FINDS)
def test_the_language_by_example_finds_what_it_says(query: str) -> None:
    found, not_found = FINDS[query]
    assert [example for example in found if not holds(query, example)] == []
    assert [example for example in not_found if holds(query, example)] == []


@pytest.mark.parametrize("query", ["extorsion", "extors*", "forms(es):extorsión", "law:32108"])
def test_the_words_that_the_table_names_are_found_or_not_as_it_says(query: str) -> None:
    (row,) = (row for row in BY_EXAMPLE.splitlines() if row.startswith(f"| `{query}` |"))
    said = row.split(" | ")[1].strip("| ").partition(". `")[0].replace(" (soft hyphen)", "")
    found, _, not_found = said.rpartition(": ")[2].partition("; ")
    for text in re.split(r",(?: |$)", found):
        assert holds(query, text), text
    for text in filter(None, re.split(r" or |not |never ", not_found)):
        assert not holds(query, text), text


def test_what_people_bring_from_elsewhere_is_taken_or_refused_with_a_hint() -> None:
    refused = {"a near/5 b", "-word", "a | b", "intitle:", "exto?sion", "site:rpp.pe"}
    for row in ELSEWHERE.splitlines():
        for query in queries_of(row, 0):
            if query in refused:
                with pytest.raises(QueryError) as error:
                    parse_query(f"paro {query}" + "paro" * query.endswith(":"))
                assert error.value.hint
                refused.discard(query)
            else:
                assert parse_query(query + "paro" * query.endswith(":"))
        for query in queries_of(row, 1):
            if query != "*":
                assert parse_query(
                    query.replace("NOT word", "a NOT word") + "a" * query.endswith(":")
                )
    assert refused == set()


def test_the_rule_of_the_readme_is_a_rule() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    block = text.partition("A rule …\n")[2].partition("… makes")[0]
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    (rule,) = read_rules("README.md", ("version: 1\n" + "\n".join(lines)).encode())
    assert rule.id == "law-32108"
    (whole,) = read_rules("rules/README.md", _first_block(LANGUAGE).encode())
    assert whole.only == ("rpp", "andina")


def _first_block(text: str) -> str:
    block = re.search(r"(?:^    .*\n|^\n)+", text[text.index("    version: 1") :], re.MULTILINE)
    assert block is not None
    return "\n".join(line[4:] for line in block[0].splitlines())


def test_every_command_of_the_readme_is_there(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("## Commands")[2].partition("##")[0]
    shown = tocsin("--help", cwd=tmp_path).stdout
    for command in re.findall(r"`([a-z]+)[ `]", table.partition("| command")[2]):
        assert re.search(rf"^  {command} ", shown, re.MULTILINE), command


def test_every_file_that_the_documents_lead_to_is_there() -> None:
    for document in ROOT.glob("**/README.md"):
        if ".venv" in document.parts or "node_modules" in document.parts:
            continue
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), (document, target)


def test_nothing_in_the_project_names_a_place_of_this_machine() -> None:
    for path in (ROOT / "requirements.lock", ROOT / "requirements-dev.lock"):
        assert not re.search(r"https?://|file:|--index-url|--find-links", path.read_text("utf-8"))


def test_the_endpoints_of_the_documents_can_be_read(tmp_path: Path) -> None:
    text = (ROOT / "feeds" / "README.md").read_text("utf-8")
    (tmp_path / "chief.url").write_text("mailtos://u:word@mail.example?to=chief@mail.example")
    environ = {"NTFY_URL": "ntfys://u:word@ntfy.example/desk", "NEWSROOM_SECRET": SECRET}
    for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        (tmp_path / "tocsin.toml").write_text(block, "utf-8")
        assert read_settings(tmp_path, "tocsin.toml", environ).endpoints
