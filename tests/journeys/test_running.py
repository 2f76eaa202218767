"""A desk at work: what its people see when they run it, edit it, break it and stop it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.desks import RULES, SECRET, write_desk
from tests.journeys.running import (
    PATIENCE,
    Running,
    eventually,
    free_port,
    node,
    running,
    started,
    tocsin,
)


def titles(desk: Running, feed: str = "law-32108") -> list[str]:
    return [item["title"] for item in desk.items(feed)]


def write_article(desk: Path, name: str, text: str) -> None:
    (desk / "articles" / name).write_text(text, "utf-8")


@contextmanager
def receiver(port: int, file: Path):
    """Run the receiver that verifies with npm's standardwebhooks; end it as a crash would."""
    command = [*node("receive.mjs"), str(port), SECRET, str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"listening")
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def received(file: Path) -> list[dict[str, str]]:
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def test_the_starter_desk_serves_the_seed_article_with_its_quotes(tmp_path: Path) -> None:
    assert tocsin("init", "desk", cwd=tmp_path).returncode == 0
    with running(tmp_path / "desk") as desk:
        atom = eventually(lambda: _holding(desk, b"&lt;strong&gt;Law 32108&lt;/strong&gt;"))
        assert "Peru’s second national strike in a month".encode() in atom
        for rule in (
            "law-32108",
            "extortion",
            "national-strike",
            "protest-repression",
            "apec-protest",
        ):
            eventually(lambda rule=rule: f"/feeds/{rule}.atom" in desk.log.read_text("utf-8"))
        assert "why: " in desk.log.read_text("utf-8")


def _holding(desk: Running, wanted: bytes) -> bytes | None:
    body = desk.get("/feeds/law-32108.atom")
    return body if wanted in body else None


def test_a_receiver_that_verifies_gets_every_match_and_after_a_crash_the_same_bytes(
    tmp_path: Path,
) -> None:
    port, file = free_port(), tmp_path / "received.jsonl"
    folder = write_desk(tmp_path / "desk", receiver=f"http://127.0.0.1:{port}/hook")
    with running(folder) as desk:
        with receiver(port, file):
            write_article(folder, "a.txt", "La Ley N.° 32108 y la extorsión")
            eventually(lambda: len(received(file)) == 1)
            eventually(lambda: _states(folder) == ["delivered"])
        # The receiver is dead now, for the first try at least; the second is 5 s later.
        write_article(folder, "b.txt", "Otra vez la Ley 32108")
        eventually(lambda: "delivery refused" in desk.log.read_text("utf-8"))
        with receiver(port, file):
            eventually(lambda: len(received(file)) == 2)
            # It writes before it answers, and must not end before the desk has its answer.
            eventually(lambda: _states(folder) == ["delivered", "delivered"])
    first, second = received(file)
    listed = json.loads(_deliveries(folder, "list"))
    assert [one["id"] for one in listed] == [second["id"], first["id"]]
    shown = json.loads(_deliveries(folder, "show", second["id"]))
    assert [attempt["status"] for attempt in shown["log"]] == [None, 204]
    assert json.loads(second["body"]) == shown["payload"]
    assert [json.loads(one["body"])["data"]["seq"] for one in (first, second)] == [1, 2]


def _states(folder: Path) -> list[str]:
    return [one["state"] for one in json.loads(_deliveries(folder, "list"))]


def _deliveries(folder: Path, *command: str) -> str:
    run = ["--desk", str(folder), "deliveries", *command, "--json"]
    return tocsin(*run, cwd=folder.parent).stdout


def test_an_edited_rule_takes_effect_within_two_seconds_and_a_broken_one_changes_nothing(
    tmp_path: Path,
) -> None:
    folder = write_desk(tmp_path / "desk")
    rules = folder / "rules" / "rules.yaml"
    good = rules.read_text("utf-8")
    with running(folder) as desk:
        write_article(folder, "a.txt", "Los cupos suben")
        eventually(lambda: _entries(folder) == 1)
        assert titles(desk) == []
        rules.write_text(good.replace("law:32108", "law:32108 OR cupos"), "utf-8")
        eventually(lambda: titles(desk) == ["Los cupos suben"], 4)
        write_article(folder, "b.txt", "Bajan los cupos")
        eventually(lambda: len(titles(desk)) == 2, 4)

        rules.write_text(good.replace("law:32108", "(law:32108 OR cupos"), "utf-8")
        page = eventually(lambda: _with_problem(desk), 4)
        assert b"rules.yaml:5:" in page
        write_article(folder, "c.txt", "Piden cupos")
        eventually(lambda: len(titles(desk)) == 3, 4)
        assert "rules.yaml:5:" in desk.log.read_text("utf-8")
        check = tocsin("--desk", str(folder), "check", cwd=tmp_path)
        assert check.returncode == 1
        assert "rules.yaml:5:" in check.stdout

        rules.write_text(good, "utf-8")
        eventually(lambda: not _with_problem(desk), 4)


def _with_problem(desk: Running) -> bytes | None:
    page = desk.get("/")
    return page if b'class="problems"' in page else None


def _entries(folder: Path) -> int:
    done = tocsin("--desk", str(folder), "sources", "list", "--json", cwd=folder.parent)
    return sum(source["entries"] for source in json.loads(done.stdout))


def test_a_new_source_is_watched_without_a_restart(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    with running(folder) as desk:
        (folder / "notes").mkdir()
        (folder / "notes" / "n.txt").write_text("La Ley 32108")
        with (folder / "sources.yaml").open("a") as sources:
            sources.write("  - {name: notes, kind: files, path: notes}\n")
        eventually(lambda: titles(desk) == ["La Ley 32108"], 5)


def test_edited_settings_are_noticed_and_wait_for_the_next_start(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    with running(folder) as desk:
        with (folder / "tocsin.toml").open("a") as settings:
            settings.write('[site]\ntitle = "Another title"\n')
        eventually(lambda: "settings edited" in desk.log.read_text("utf-8"))
        assert b"Another title" not in desk.get("/")
    with running(folder) as desk:
        assert b"Another title" in desk.get("/")


def test_a_stopped_desk_ends_cleanly_and_tells_by_which_signal(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        desk = started(folder)
        desk.process.send_signal(number)
        assert desk.process.wait(PATIENCE) == code
        assert "Traceback" not in desk.log.read_text("utf-8")


def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = tocsin(
            "--desk", str(folder), "run", cwd=tmp_path, environ={"TOCSIN_SERVER__PORT": port}
        )
    assert done.returncode == 2
    assert f"cannot listen at 127.0.0.1:{port}" in done.stderr
    assert "TOCSIN_SERVER__PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["run"], ["poll"], ["check"], ["doctor"], ["sources", "list"]])
def test_without_a_desk_every_command_says_how_to_make_one(
    tmp_path: Path, command: list[str]
) -> None:
    done = tocsin(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "tocsin init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_rule_file_refuses_to_start_with_its_place(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk", rules=RULES.replace("law:32108", "law:"))
    done = tocsin("--desk", str(folder), "run", cwd=tmp_path)
    assert done.returncode == 2
    assert "rules.yaml:5:" in done.stderr
    assert "Traceback" not in done.stderr
