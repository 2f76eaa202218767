"""What the documents say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rules import Entry, RuleSet
from rules.files import read_rules
from rules.language import parse_query
from rules.rule import Rule
from tests.desks import SECRET
from tests.journeys.running import tocsin
from watcher.settings import read_settings

ROOT = Path(__file__).parent.parent
LANGUAGE = (ROOT / "rules" / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"^\| (`.+?`(?: or `.+?`)*) \| ", LANGUAGE, re.MULTILINE)
QUERIES = [query for cell in EXAMPLES for query in re.findall(r"`(.+?)`", cell)][:22]


def holds(query: str, text: str, **fields: str) -> bool:
    rule = Rule(id="r", title="r", query=query, tree=parse_query(query))
    return bool(RuleSet([rule]).match(Entry(key="1", text=text, **fields)))


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_of_the_language_by_example_can_be_read(query: str) -> None:
    assert parse_query(query, words={"strike": parse_query("paro OR huelga")})


@pytest.mark.parametrize(
    ("query", "found", "not_found"),
    [
        ("extorsion", ["extorsión", "EXTORSIÓN", "extor\u00adsión"], ["sextorsión"]),
        ("extors*", ["extorsionador"], ["distorsión"]),
        ('"paro nacional"', ["paro\nnacional"], ["paro más nacional"]),
        ("paro huelga", ["huelga y paro"], ["huelga"]),
        ("paro NOT cardiaco", ["un paro"], ["paro cardíaco"]),
        (
            '"paro transportistas"~5',
            ["paro a b c d e transportistas", "transportistas en paro"],
            ["paro a b c d e f transportistas"],
        ),
        (
            "((paro OR huelga) NEAR/8 transport*)",
            ["huelga a b c d e f g transportistas"],
            ["huelga a b c d e f g h transportistas"],
        ),
        ("(paro ONEAR/3 lima)", ["paro en Lima"], ["Lima en paro"]),
        (
            "law:32108",
            ["Ley N.° 32.108", "Law No. 32,108", "loi n° 32 108", "leyes 32107 y 32108"],
            ["ley 132108", "Exp. 32108-2024"],
        ),
        ("decree:1731", ["D. Leg. 1731", "Decreto Supremo 1731-2024-PCM"], ["Ley 1731"]),
        ("exact:APEC", ["APEC"], ["Apec"]),
        ("count(extorsion) >= 3", ["extorsión " * 3], ["extorsión " * 2]),
        ("/ley(es)? pro.?crimen/", ["La LEY pro crimen", "leyes procrimen"], ["ley del crimen"]),
    ],
)
def test_the_language_by_example_finds_what_it_says(
    query: str, found: list[str], not_found: list[str]
) -> None:
    assert [text for text in found if not holds(query, text)] == []
    assert [text for text in not_found if holds(query, text)] == []


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
