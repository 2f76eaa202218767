"""Readers of others follow a feed as it changes: what is new comes once, what is edited not again."""

from __future__ import annotations

import json
import mailbox
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

import pytest

from tests.desks import write_desk
from tests.journeys.running import READERS, eventually, needed, node, running

FEED = "law-32108"
FIRST = [f"Nota {number} sobre la Ley 32108" for number in range(20)]
ADDED = [f"Otra {number} sobre la Ley 32108" for number in range(3)]
pytestmark = pytest.mark.timeout(400)  # many programs, on machines that may be busy

ASKING = {"newsboat", "rss2email", "feed2exec"}
"""These ask with the tag that they were given; the others read all."""


class Between:
    """A server between reader and desk, which remembers how each request went.

    What may be kept for a minute is old at once: for readers, a minute goes by between two looks.
    """

    def __init__(self, port: int) -> None:
        self.answers: list[tuple[bool, int]] = []
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                there = HTTPConnection("127.0.0.1", port, timeout=30)
                there.request("GET", self.path, headers=dict(self.headers))
                answer = there.getresponse()
                body = answer.read()
                there.close()
                asked = any(self.headers[name] for name in ("if-none-match", "if-modified-since"))
                between.answers.append((asked, answer.status))
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value.replace("max-age=60", "max-age=0"))
                if answer.status == 304:
                    self.send_header("content-length", "0")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/feeds/{FEED}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Read = Callable[[], list[str]]
"""Looks at the feed once, and returns the title of each item that the reader holds by now."""


def run(*command: str, cwd: Path) -> str:
    environ = {
        "HOME": str(cwd),
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def newsboat(url: str, folder: Path) -> Read:
    (folder / "urls").write_text(f"{url}.atom\n")
    (folder / "config").write_text("")

    def read() -> list[str]:
        run("newsboat", "-u", "urls", "-c", "cache.db", "-C", "config", "-x", "reload", cwd=folder)
        with sqlite3.connect(folder / "cache.db") as cache:
            rows = cache.execute("SELECT title FROM rss_item").fetchall()
        cache.close()
        return [row[0] for row in rows]

    return read


def sfeed(url: str, folder: Path) -> Read:
    lines = f'feed "it" "{url}.atom"\n'
    (folder / "sfeedrc").write_text(f'sfeedpath="{folder}/feeds"\nfeeds() {{\n{lines}}}\n')

    def read() -> list[str]:
        run("sfeed_update", "sfeedrc", cwd=folder)
        rows = (folder / "feeds" / "it").read_text().splitlines()
        return [row.split("\t")[1] for row in rows]

    return read


def rss2email(url: str, folder: Path) -> Read:
    (folder / "r2e.cfg").write_text(
        "[DEFAULT]\nfrom = desk@example.org\nto = me@example.org\nemail-protocol = maildir\n"
        f"maildir-path = {folder}\nmaildir-mailbox = mails\n"
    )
    mailbox.Maildir(folder / "mails", create=True)
    command = ("r2e", "-c", "r2e.cfg", "-d", "r2e.json")
    run(*command, "add", "it", f"{url}.rss", cwd=folder)

    def read() -> list[str]:
        run(*command, "run", cwd=folder)
        mails = mailbox.Maildir(folder / "mails")
        return [" ".join(str(make_header(decode_header(m["subject"]))).split()) for m in mails]

    return read


def feed2exec(url: str, folder: Path) -> Read:
    command = ("feed2exec", "--config", "f.ini", "--database", "f.db")
    run(*command, "add", "it", f"{url}.atom", "--output", "feed2exec.plugins.json", cwd=folder)
    seen: list[str] = []

    def read() -> list[str]:
        lines = run(*command, "fetch", cwd=folder).splitlines()
        seen.extend(json.loads(line)["title"] for line in lines)
        return list(seen)

    return read


def feedsub(url: str, folder: Path) -> Read:
    process = subprocess.Popen(
        [*node("follow.mjs"), f"{url}.rss"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen: list[str] = []

    def read() -> list[str]:
        process.stdin.write("read\n")
        process.stdin.flush()
        seen.extend(item["title"] for item in json.loads(process.stdout.readline()))
        return list(seen)

    read.process = process
    return read


def parser(script: str, form: str) -> Callable[[str, Path], Read]:
    """Return a reader that remembers nothing: what it holds is what the feed holds."""

    def make(url: str, folder: Path) -> Read:
        def read() -> list[str]:
            found = run(*node(script), f"{url}.{form}", cwd=folder)
            return [item["title"] for item in json.loads(found)]

        return read

    return make


MAKERS: dict[str, Callable[[str, Path], Read]] = {
    "newsboat": newsboat,
    "sfeed": sfeed,
    "rss2email": rss2email,
    "feed2exec": feed2exec,
    "feedsub": feedsub,
    "rss-parser": parser("read.mjs", "rss"),
    **{f"feedsmith {form}": parser("smith.mjs", form) for form in ("atom", "json")},
}
PROGRAMS = {"sfeed": ("sfeed_update", "curl"), "rss2email": ("r2e",)}


def is_installed(name: str) -> bool:
    if name.startswith(("feedsub", "rss-parser", "feedsmith")):
        return (READERS / "node_modules" / name.split(" ", maxsplit=1)[0]).is_dir() and bool(
            which("node")
        )
    return all(map(which, PROGRAMS.get(name, (name,))))


@dataclass
class Followed:
    """What one reader held after each step, and how its last requests went."""

    held: list[list[str]] = field(default_factory=list)
    unchanged: list[tuple[bool, int]] = field(default_factory=list)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Followed]]:
    """Twenty articles, then three more, then an edit, then nothing: what each reader saw."""
    folder = tmp_path_factory.mktemp("following")
    desk = write_desk(folder / "desk")
    articles = desk / "articles"

    def write(titles: list[str]) -> None:
        for title in titles:
            (articles / f"{title[:8].strip()}.txt").write_text(f"{title}\n\nEl texto.")

    write(FIRST)
    names = [name for name in MAKERS if is_installed(name)]
    with running(desk) as at_work, ThreadPoolExecutor(4) as threads:
        eventually(lambda: len(at_work.items(FEED)) == 20)
        betweens = {name: Between(int(at_work.url.rsplit(":", 1)[1])) for name in names}
        places = {name: tmp_path_factory.mktemp("reader") for name in names}
        readers = {name: MAKERS[name](betweens[name].url, places[name]) for name in names}
        found = {name: Followed() for name in names}

        def step(name: str) -> None:
            found[name].held.append(readers[name]())

        list(threads.map(step, names))
        write(ADDED)
        eventually(lambda: len(at_work.items(FEED)) == 23)
        list(threads.map(step, names))
        before = at_work.get(f"/feeds/{FEED}.atom")
        (articles / "Nota 19.txt").write_text(f"{FIRST[19]}\n\nEl texto, corregido.")
        eventually(lambda: at_work.get(f"/feeds/{FEED}.atom") != before)
        list(threads.map(step, names))
        for between in betweens.values():
            between.answers.clear()
        list(threads.map(step, names))
        for name, between in betweens.items():
            found[name].unchanged = list(between.answers)
            between.close()
        if "feedsub" in readers:
            process = readers["feedsub"].process
            process.stdin.close()
            process.wait(30)
            process.stdout.close()
        yield found


def of(followed: dict[str, Followed], name: str) -> Followed:
    if name not in followed:
        needed(PROGRAMS.get(name, (name,))[0])
        node("read.mjs")
        pytest.skip(f"{name} is not installed")
    return followed[name]


@pytest.mark.parametrize("name", MAKERS)
def test_twenty_are_seen_three_come_once_and_an_edit_makes_no_second(
    followed: dict[str, Followed], name: str
) -> None:
    first, added, edited, unchanged = of(followed, name).held
    assert sorted(first) == sorted(FIRST)
    assert sorted(added) == sorted(FIRST + ADDED)
    assert sorted(edited) == sorted(FIRST + ADDED)
    assert sorted(unchanged) == sorted(FIRST + ADDED)


@pytest.mark.parametrize("name", MAKERS)
def test_who_asks_whether_something_changed_is_told_that_nothing_did(
    followed: dict[str, Followed], name: str
) -> None:
    answers = of(followed, name).unchanged
    assert answers
    assert all(status == 304 for asked, status in answers if asked), answers
    assert any(asked for asked, _ in answers) or name not in ASKING
