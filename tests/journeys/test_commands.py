"""The commands from outside: what they write, their exit codes, and what bad input gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.desks import SECRET, write_desk
from tests.journeys.running import tocsin

ARTICLE = "La Ley N.° 32108 y la EXTORSIÓN"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = write_desk(tmp_path / "desk")
    (folder / "articles" / "a.txt").write_text(ARTICLE, "utf-8")
    return folder


def run(folder: Path, *arguments: str, **options):
    done = tocsin("--desk", str(folder), *arguments, cwd=folder.parent, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_poll_takes_in_what_is_there_and_a_second_one_nothing(desk: Path) -> None:
    first = run(desk, "poll", "--all", "--json")
    assert first.returncode == 0
    counts = {"source": "articles", "error": "", "new": 1, "revised": 0, "matched": 2}
    assert json.loads(first.stdout)["polled"] == [counts]
    again = run(desk, "poll")
    assert (again.returncode, again.stdout.strip()) == (0, "No source is due.")


def test_a_poll_with_a_failing_source_is_a_finding(desk: Path) -> None:
    (desk / "articles" / "bad.txt").write_bytes(b"\xff")
    done = run(desk, "poll", "--source", "articles")
    assert done.returncode == 1
    assert "bad.txt is not UTF-8" in done.stdout


def test_articles_are_ingested_whatever_their_form(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text("<title>B</title><p>Ley 32108</p>")
    (tmp_path / "feed.xml").write_text(
        "<rss version='2.0'><channel><title>T</title><item><title>Ley 32108</title></item>"
        "</channel></rss>"
    )
    (tmp_path / "photo.txt").write_bytes(b"\x00")
    names = ["b.html", "feed.xml", "photo.txt", "missing.txt"]
    done = run(desk, "ingest", *(str(tmp_path / name) for name in names), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["polled"][0]["matched"] == 2
    assert "photo.txt is not text but binary" in done.stderr
    assert "missing.txt: No such file or directory" in done.stderr
    nothing = run(desk, "ingest", str(tmp_path / "missing.txt"))
    assert nothing.stdout.strip() == "Nothing was taken in."


def test_a_site_is_published_from_the_command_line(desk: Path, tmp_path: Path) -> None:
    run(desk, "poll", "--all")
    done = run(desk, "publish", "--out", str(tmp_path / "site"), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["written"] > 10
    assert "32108" in (tmp_path / "site" / "feeds" / "law-32108.rss").read_text()


def test_opml_is_imported_once_and_comments_are_kept(desk: Path, tmp_path: Path) -> None:
    sources = desk / "sources.yaml"
    sources.write_text("# ours\n" + sources.read_text() + "  # the end\n")
    (tmp_path / "feeds.opml").write_text(
        '<opml version="2.0"><body><outline title="El Búho &amp; Co" xmlUrl="https://b.example/f"/>'
        '<outline title="Articles" xmlUrl="https://c.example/f?a=&quot;1&quot;"/></body></opml>'
    )
    done = run(desk, "sources", "import", str(tmp_path / "feeds.opml"), "--json")
    assert [one["name"] for one in json.loads(done.stdout)["added"]] == ["el-buho-co", "articles-2"]
    text = sources.read_text()
    assert text.startswith("# ours\n")
    assert "# the end" in text
    assert run(desk, "check").returncode == 0
    again = run(desk, "sources", "import", str(tmp_path / "feeds.opml"))
    assert "0 added, 2 known already" in again.stdout
    exported = run(desk, "sources", "export").stdout
    assert 'xmlUrl="https://c.example/f?a=&quot;1&quot;"' in exported


def test_what_opml_lists_that_cannot_be_watched_is_named_and_the_rest_is_taken(
    desk: Path, tmp_path: Path
) -> None:
    (tmp_path / "odd.opml").write_text(
        '<opml version="1.0"><body><outline text="Grupo"><outline text="a" XMLURL="feed://a.example/f"/>'
        '<outline text="b" xmlUrl=" feed:https://b.example/f "/></outline>'
        '<outline text="c" xmlUrl="ftp://c.example/f"/><outline text="d" xmlUrl="/var/feed"/>'
        '<outline text="e" xmlUrl=""/><outline text="f" type="link" url="https://f.example"/>'
        "</body></opml>"
    )
    done = run(desk, "sources", "import", str(tmp_path / "odd.opml"))
    assert "added a: http://a.example/f" in done.stdout
    assert "added b: https://b.example/f" in done.stdout
    assert "2 added, 0 known already" in done.stdout
    assert "left out: ftp://c.example/f is not a web address" in done.stderr
    assert "left out: /var/feed" in done.stderr
    assert run(desk, "check").returncode == 0


def test_what_is_wrong_with_a_desk_is_told_with_places(desk: Path) -> None:
    (desk / "rules" / "bad.yaml").write_text(
        "version: 1\nrules:\n  - id: everything\n    query: NOT x\n  - id: regex\n"
        "    query: /(?<=a)b/\n    quary: x\n"
    )
    done = run(desk, "check", "--json")
    assert done.returncode == 1
    problems = json.loads(done.stdout)["problems"]
    assert [(one["line"], one["column"], one["code"]) for one in problems] == [
        (4, 12, "Q114"),
        (6, 12, "Q113"),
        (7, 5, "R110"),
    ]
    assert all(one["hint"] for one in problems)
    for command in (["poll"], ["run"], ["publish", "--out", "site"], ["sources", "list"]):
        refused = run(desk, *command)
        assert refused.returncode == 2
        assert "bad.yaml:4:12: Q114" in refused.stderr


def test_the_doctor_tells_what_is_wrong_and_what_to_do(desk: Path) -> None:
    assert run(desk, "doctor").returncode == 0
    (desk / "data" / "tocsin.db").write_bytes(b"no database" * 100)
    done = run(desk, "doctor", "--json")
    assert done.returncode == 1
    (bad,) = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "bad"]
    assert "not a SQLite database" in bad["text"]
    assert run(desk, "poll").returncode == 2


def test_an_endpoint_that_does_not_listen_is_a_finding(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk", receiver="http://127.0.0.1:9/hook")
    done = run(folder, "endpoints", "test", "newsroom", "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["ok"], said["status"]) == (False, None)
    assert "cannot be reached" in said["answer"]
    assert SECRET not in done.stdout + done.stderr
    (listed,) = json.loads(run(folder, "endpoints", "list", "--json").stdout)
    assert (listed["name"], listed["due"]) == ("newsroom", 1)
    assert json.loads(run(folder, "endpoints", "enable", "newsroom", "--json").stdout)["due"] == 0


def test_a_new_secret_can_sign(tmp_path: Path) -> None:
    done = tocsin("endpoints", "new-secret", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("whsec_")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["poll", "--source", "article"], "did you mean `articles`?"),
        (["test", "extorsion"], "did you mean `extortion`?"),
        (["explain", "law", "articles/a.txt"], "there is no rule `law`"),
        (["deliveries", "show", "msg_1"], "there is no delivery `msg_1`"),
        (["deliveries", "list", "--state", "lost"], "due, delivered, held, failed"),
        (["endpoints", "test", "nobody"], "there is no endpoint `nobody`"),
        (["ingest", "a.txt", "--source", "rpp"], "there is no source `rpp`"),
        (["sources", "import", "none.opml"], "none.opml cannot be read"),
        (["sources", "check", "rpp"], "there is no source `rpp`"),
        (["match", "--rules", "nowhere"], "there is no rule file or folder nowhere"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(
    desk: Path, command: list[str], said: str
) -> None:
    done = run(desk, *command)
    assert done.returncode == 2
    assert said in done.stderr


def test_an_edit_is_tried_on_the_store_before_it_is_trusted(desk: Path) -> None:
    (desk / "articles" / "b.txt").write_text("Los cupos suben", "utf-8")
    run(desk, "poll", "--all")
    git = ["git", "-C", str(desk), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "rules"], ["commit", "-qm", "rules"]):
        subprocess.run([*git, *command], check=True)
    rules = desk / "rules" / "rules.yaml"
    rules.write_text(rules.read_text().replace("law:32108", "cupos"))
    plain = run(desk, "backtest", "--json")
    assert [one["matches"] for one in json.loads(plain.stdout)["rules"]] == [1, 1]
    done = run(desk, "backtest", "law-32108", "--against", "HEAD", "--json")
    (rule,) = json.loads(done.stdout)["rules"]
    assert (rule["gained"], rule["lost"]) == (1, 1)
    assert rule["gains"][0]["because"][0]["quote"] == "cupos"
    text = run(desk, "backtest", "law-32108", "--against", "HEAD").stdout
    assert "+1 -1" in text
    assert "+ Los cupos suben" in text
    markdown = run(desk, "backtest", "--against", "HEAD", "--markdown").stdout
    assert "| law-32108 | 1 | +1 | -1 |" in markdown
    assert "**cupos**" in markdown
    for bad in (["--against", "no-such-rev"], ["--against", "-x"], ["--since", "soon"]):
        assert run(desk, "backtest", *bad).returncode == 2


MISTAKES = """version: 1
rules:
  - id: Two Words
    query: (paro AND huelga
  - id: three
    querry: paro
  - id: four
    query: paro near/5 huelga
  - id: five
    query: |
      paro OR
      tilte:huelga
  - id: six
    query: /(?=a)b/
  - id: seven
    query: words:gud
  - id: four
    query: paro -huelga
  - id: eight
    query: paro
    copies: loud
    notify: [nobody]
    tests: {match: ["un amparo"]}
"""


def test_a_file_of_mistakes_is_told_of_whole_in_one_run(desk: Path) -> None:
    (desk / "rules" / "bad.yaml").write_text(MISTAKES, "utf-8")
    done = run(desk, "check", "--json")
    told = json.loads(done.stdout)["problems"]
    assert done.returncode == 1
    assert [(one["line"], one["column"], one["code"]) for one in told] == [
        (3, 9, "R103"),
        (4, 12, "Q103"),
        (5, 5, "R106"),
        (6, 5, "R110"),
        (8, 17, "Q107"),
        (12, 7, "Q109"),
        (14, 12, "Q113"),
        (16, 12, "Q117"),
        (17, 9, "R104"),
        (18, 17, "Q105"),
        (21, 13, "R114"),
        (22, 14, "D101"),
        (23, 21, "R201"),
    ]
    assert all(one["hint"] and one["file"].endswith("bad.yaml") for one in told)


def test_examples_are_run_for_people_and_for_ci(desk: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(
        "version: 1\nrules:\n  - id: one\n    query: paro\n    tests:\n"
        '      match: ["huelga", "huelga", "un paro\\ufffe"]\n      todo: ["greve", "el paro"]\n'
    )
    rules = ["--rules", str(tmp_path / "rules.yaml")]
    done = run(desk, "test", *rules, "--junit", str(tmp_path / "junit.xml"))
    assert done.returncode == 1
    assert "rules.yaml:6:15: R201 should match, but does not: 'huelga'" in done.stdout
    assert "rules.yaml:7:23: R202 passes now and is a todo: 'el paro'" in done.stdout
    assert "5 examples of 1 rules: 2 failed, 1 todo" in done.stdout
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    for counted in (suites, suites[0]):
        counts = (counted.get("tests"), counted.get("failures"), counted.get("skipped"))
        assert counts == ("5", "2", "1")
    cases = {case.get("name"): [inner.tag for inner in case] for case in suites[0]}
    assert cases == {
        "matches: huelga": ["failure"],
        "matches: huelga (2)": ["failure"],
        "matches: un paro\ufffd": [],
        "matches: greve": ["skipped"],
        "matches: el paro": ["system-out"],
    }
    github = run(desk, "test", *rules, "--github").stdout
    assert github.startswith("::error file=")
    assert ",line=6,col=15,title=R201::should match, but does not: 'huelga'%0Amend" in github
    assert "::notice file=" in github
    assert json.loads(run(desk, "test", "--json").stdout)["ok"] is True


def test_a_rules_tree_shows_what_held(desk: Path) -> None:
    article = str(desk / "articles" / "a.txt")
    done = run(desk, "explain", "extortion", article)
    assert done.returncode == 0
    assert "✓" in done.stdout
    assert "EXTORSIÓN" in done.stdout
    as_json = run(desk, "explain", "extortion", article, "--json")
    assert json.loads(as_json.stdout)["held"] is True


def test_of_a_long_query_the_tree_tells_what_held_or_came_near(desk: Path) -> None:
    names = " OR ".join(f"nombre{number}" for number in range(99))
    query = f"({names} OR perú NEAR/1 violencia OR extorsión) NOT ({names})"
    (desk / "rules" / "long.yaml").write_text(
        f"version: 1\nrules:\n  - id: long\n    title: Larga\n    query: {query}\n", "utf-8"
    )
    held = run(desk, "explain", "long", str(desk / "articles" / "a.txt"))
    assert held.returncode == 0
    assert "EXTORSIÓN" in held.stdout
    assert "100 more: nombre0, nombre1" in held.stdout
    (desk / "near.txt").write_text("Nota\n\nEn el Perú crece la violencia", "utf-8")
    missed = run(desk, "explain", "long", str(desk / "near.txt"))
    assert missed.returncode == 1
    assert "distance 3, allowed 1" in missed.stdout
    assert "nombre98" not in held.stdout + missed.stdout
    assert max(len(done.stdout.splitlines()) for done in (held, missed)) < 20


def test_the_sources_are_listed_with_their_health(desk: Path) -> None:
    run(desk, "poll", "--all")
    listed = {one["name"]: one for one in json.loads(run(desk, "sources", "list", "--json").stdout)}
    assert listed["articles"]["entries"] == 1
    assert listed["articles"]["succeeded"] is not None
    assert run(desk, "sources", "check", "articles").returncode == 0


@pytest.mark.parametrize("name", ["deliveries", "endpoints", "silences", "sources", "keeping"])
def test_commands_that_only_look_import_nothing_of_the_network_or_the_pages(name: str) -> None:
    code = f"import sys, watcher.commands.{name}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"apprise", "apscheduler", "fastapi", "feedgen", "feedparser", "httpx", "jinja2", "lxml"}
    slow |= {"structlog", "trafilatura", "uvicorn", "alembic"}
    assert not slow & set(done.stdout.split())
