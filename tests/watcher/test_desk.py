"""The desk folder: sources.yaml, the starter, and what happens when files change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rules import DeskError
from watcher.desk import NoDeskError, find_desk, read_desk, reread, write_starter
from watcher.sources import read_sources

RULE = "version: 1\nrules:\n  - id: one\n    query: extorsion\n"


def a_desk(folder: Path, rules: str = RULE, sources: str = "", settings: str = "") -> Path:
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "rules" / "one.yaml").write_text(rules, "utf-8")
    (folder / "sources.yaml").write_text(sources or "version: 1\nsources: []\n", "utf-8")
    (folder / "tocsin.toml").write_text(settings, "utf-8")
    return folder


def sources_of(folder: Path, *lines: str):
    text = "version: 1\nsources:\n" + "".join(f"  - {line}\n" for line in lines)
    (folder / "sources.yaml").write_text(text, "utf-8")
    return read_sources(folder, "sources.yaml")


def refused(folder: Path, *lines: str) -> list[tuple[str, str]]:
    with pytest.raises(DeskError) as caught:
        sources_of(folder, *lines)
    return [(str(problem), problem.hint) for problem in caught.value.problems]


def test_the_starter_desk_is_whole_and_has_no_problems(tmp_path: Path) -> None:
    write_starter(tmp_path / "desk")
    state = read_desk(tmp_path / "desk", {})
    assert sorted(state.book.rules.rules) == [
        "apec-protest",
        "extortion",
        "law-32108",
        "national-strike",
        "protest-repression",
    ]
    enabled = [spec.name for spec in state.sources if spec.enabled]
    assert {"articles", "sample", "green-left", "rpp", "bbc-mundo"} <= set(enabled)
    assert "google-news-ley-32108" not in enabled
    assert (tmp_path / "desk" / ".gitignore").is_file()


def test_the_starter_never_overwrites(tmp_path: Path) -> None:
    first = write_starter(tmp_path)
    (tmp_path / "sources.yaml").write_text("mine")
    (tmp_path / "rules" / "extortion.yaml").unlink()
    again = write_starter(tmp_path)
    assert len(first) > 8
    assert [path.name for path in again] == ["extortion.yaml"]
    assert (tmp_path / "sources.yaml").read_text() == "mine"


def test_a_desk_is_found_where_it_is_named_then_in_desk_then_here(tmp_path: Path) -> None:
    named, here = a_desk(tmp_path / "named"), tmp_path / "here"
    a_desk(here)
    assert find_desk(named, {}, here) == named
    assert find_desk(None, {"TOCSIN_DESK": str(named)}, here) == named
    assert find_desk(None, {}, here) == here
    below = a_desk(here / "desk")
    assert find_desk(None, {}, here) == below


def test_without_a_desk_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NoDeskError, match="tocsin init"):
        find_desk(None, {}, tmp_path)
    with pytest.raises(NoDeskError, match="there is no desk in"):
        find_desk(tmp_path / "nowhere", {}, tmp_path)


def test_a_source_is_read_with_all_that_it_can_say(tmp_path: Path) -> None:
    inbox, feed, folder = sources_of(
        tmp_path,
        "{name: rpp, kind: feed, url: 'https://rpp.pe/rss', lang: es, every: 15m, full_text: true,"
        " alert_since: 2026-11-01}",
        "{name: files, kind: files, path: articles, alert_since: always, enabled: false}",
    )
    assert inbox.kind == "inbox"
    assert (feed.address, feed.lang, feed.every) == (
        "https://rpp.pe/rss",
        "es",
        timedelta(minutes=15),
    )
    assert feed.alert_since == datetime(2026, 11, 1, tzinfo=UTC)
    assert (folder.address, folder.alert_since, folder.enabled) == ("articles", "always", False)


@pytest.mark.parametrize(
    ("line", "problem", "hint"),
    [
        ("{name: a, kind: feed, ulr: 'https://x.org'}", "3:32: S101 unknown key `ulr`", "`url`"),
        ("{name: A b, kind: feed, url: 'https://x.org'}", "'A b' is not a name", "a-z"),
        ("{name: a, kind: feed, url: 'x.org/feed'}", "not a web address", "https://"),
        ("{name: a, kind: feed, url: 'ftp://x.org/feed'}", "not a web address", "https://"),
        ("{name: a, kind: feed, url: 'https://x..org/'}", "host name is not possible", "https"),
        ("{name: a, kind: feed, url: 'https://x.org:99999/'}", "not a web address", "https://"),
        ("{name: a, kind: feed, url: 'https://x.org/a b'}", "has no spaces", "https://"),
        ("{name: a, kind: feed}", "a feed has a `url`", "url: https"),
        ("{name: a, kind: files, url: 'https://x.org'}", "a folder of files has a `path`", "path"),
        ("{name: a, kind: page, path: x}", "a page has a `url`", "url: https"),
        ("{name: a, kind: files, path: ../secrets}", "leads out of the desk", "in the desk"),
        ("{name: a, kind: files, path: /etc}", "leads out of the desk", "in the desk"),
        ("{name: inbox, kind: feed, url: 'https://x.org'}", "`inbox` is taken", "name of its own"),
        ("{name: a, kind: feed, url: 'https://x.org', every: 5s}", "once a minute", "15m"),
        ("{name: a, kind: page, url: 'https://x.org', full_text: true}", "S204", "leave"),
        ("{name: a, kind: feed, url: 'https://x.org', alert_since: soon}", "not a day", "2026"),
        ("{name: a, kind: fed, url: 'https://x.org'}", "`kind` = 'fed'", ""),
        ("{name: a, kind: feed, url: 'https://x.org', enabled: perhaps}", "`enabled`", ""),
        ("a", "", ""),
    ],
)
def test_a_source_that_cannot_be_watched_is_told_with_its_place(
    tmp_path: Path, line: str, problem: str, hint: str
) -> None:
    found = refused(tmp_path, line)
    assert found[0][0].startswith("sources.yaml:3:")
    assert problem in found[0][0]
    assert hint in found[0][1]


def test_two_sources_of_one_name_are_refused_at_the_second(tmp_path: Path) -> None:
    line = "{name: a, kind: feed, url: 'https://x.org'}"
    ((problem, _),) = refused(tmp_path, line, line)
    assert problem == "sources.yaml:4:12: S201 the name `a` is taken"


def test_a_link_that_leads_out_of_the_desk_is_refused(tmp_path: Path) -> None:
    (tmp_path / "articles").symlink_to("/etc")
    ((problem, _),) = refused(tmp_path, "{name: a, kind: files, path: articles}")
    assert "leads out of the desk" in problem


def test_broken_yaml_is_told_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("version: 1\nsources:\n  - {name: a\n")
    with pytest.raises(DeskError, match=r"sources.yaml:\d+:\d+: "):
        read_sources(tmp_path, "sources.yaml")


def test_the_problems_of_every_file_are_told_together(tmp_path: Path) -> None:
    a_desk(tmp_path, rules="version: 1\nrules: [{id: x}]", sources="x: 1", settings="[servr]")
    with pytest.raises(DeskError) as caught:
        read_desk(tmp_path, {})
    files = {Path(problem.file).name for problem in caught.value.problems}
    assert files == {"one.yaml", "sources.yaml", "tocsin.toml"}


def test_a_bad_rule_hides_no_mistake_of_the_others(tmp_path: Path) -> None:
    rules = """version: 1
rules:
  - {id: one, query: extorsion~2}
  - {id: one, query: paro}
  - {id: two, query: paro, notify: [nobody]}
  - {id: three, query: paro, sources: {only: [nowhere]}}
  - {id: four, query: paro, tests: {match: [huelga]}}
"""
    a_desk(tmp_path, rules=rules)
    with pytest.raises(DeskError) as caught:
        read_desk(tmp_path, {})
    told = [(problem.line, problem.code) for problem in caught.value.problems]
    assert told == [(3, "Q105"), (4, "R104"), (5, "D101"), (6, "D102"), (7, "R201")]


@pytest.mark.parametrize(
    ("rule", "settings", "code", "hint"),
    [
        ("    notify: [newsrom]\n", "", "D101", "tocsin.toml"),
        ("    sources: {only: [rpx]}\n", "", "D102", "inbox"),
        ("", '[feeds.one]\ntitle = "x"\nrules = ["one"]', "D103", "another name"),
        ("", '[feeds.two]\ntitle = "x"\nrules = ["on"]', "D104", "`one`"),
    ],
)
def test_what_one_file_says_of_another_has_to_be_so(
    tmp_path: Path, rule: str, settings: str, code: str, hint: str
) -> None:
    a_desk(tmp_path, rules=RULE + rule, settings=settings)
    with pytest.raises(DeskError) as caught:
        read_desk(tmp_path, {})
    (problem,) = caught.value.problems
    assert problem.code == code
    assert hint in problem.hint


def test_an_edited_rule_takes_effect_and_a_broken_one_keeps_its_last_good_version(
    tmp_path: Path,
) -> None:
    state = read_desk(a_desk(tmp_path), {})
    a_desk(tmp_path, rules=RULE.replace("extorsion", "cupos"))
    edited = reread(state)
    assert edited.book.rules.rules["one"].query == "cupos"
    a_desk(tmp_path, rules=RULE.replace("extorsion", "(cupos"))
    broken = reread(edited)
    assert broken.book.rules.rules["one"].query == "cupos"
    assert [problem.line for problem in broken.problems] == [4]
    a_desk(tmp_path, rules=RULE)
    assert reread(broken).problems == ()


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"version: 1\n",
        b"version: 1\nrules:\n  - id: one\n    query: 'extor",
        b"version: 1\nrules:\n  - id: one\n",
        b"\xff\xfev\x00e\x00",
        b"version: 1\nrules: [\x00]",
        b"version: 1\n#" + b"x" * (1 << 20),
    ],
    ids=["empty", "begun", "torn", "half", "utf-16", "nul", "huge"],
)
def test_a_rule_file_that_is_half_written_or_no_text_keeps_its_last_good_version(
    tmp_path: Path, written: bytes
) -> None:
    state = read_desk(a_desk(tmp_path), {})
    (file,) = (tmp_path / "rules").glob("*.yaml")
    good = file.read_bytes()
    file.write_bytes(written)
    broken = reread(state)
    assert list(broken.book.rules.rules) == ["one"]
    assert [problem.line > 0 for problem in broken.problems] == [True]
    file.write_bytes(good)
    assert reread(broken).problems == ()


def test_broken_sources_keep_their_last_good_version(tmp_path: Path) -> None:
    good = "version: 1\nsources: [{name: a, kind: feed, url: 'https://x.org'}]\n"
    state = read_desk(a_desk(tmp_path, sources=good), {})
    a_desk(tmp_path, sources="version: 1\nsources: [{name: a}]\n")
    broken = reread(state)
    assert [spec.name for spec in broken.sources] == ["inbox", "a"]
    assert broken.problems != ()


def test_a_rule_that_names_an_unknown_endpoint_while_running_is_reported(tmp_path: Path) -> None:
    state = read_desk(a_desk(tmp_path), {})
    a_desk(tmp_path, rules=RULE + "    notify: [nobody]\n")
    assert [problem.code for problem in reread(state).problems] == ["D101"]


def test_a_file_that_cannot_be_read_is_named_and_keeps_its_last_good_version(
    tmp_path: Path,
) -> None:
    state = read_desk(a_desk(tmp_path), {})
    rules = tmp_path / "rules" / "one.yaml"
    rules.unlink()
    rules.symlink_to("/nowhere")
    broken = reread(state)
    assert broken.book.rules.rules.keys() == {"one"}
    assert [problem.code for problem in broken.problems] == ["Y100"]
    rules.unlink()
    rules.mkdir()
    with pytest.raises(DeskError, match="Y100 the file cannot be read: Is a directory"):
        read_desk(tmp_path, {})


@pytest.mark.parametrize("name", ["tocsin.toml", "sources.yaml"])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path, name: str) -> None:
    a_desk(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(DeskError, match=f"{name}:1:1: Y100"):
        read_desk(tmp_path, {})


def test_a_starter_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NoDeskError, match="cannot be written"):
        write_starter(tmp_path / "file" / "desk")


def test_nothing_edited_is_nothing_new(tmp_path: Path) -> None:
    state = read_desk(a_desk(tmp_path), {})
    assert reread(state) == state
