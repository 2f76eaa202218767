"""Runs tocsin and its neighbours as processes, as their users do."""

from __future__ import annotations

import atexit
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import pytest

TOCSIN = [sys.executable, "-c", "from watcher.cli import main; main()"]
READERS = Path(__file__).parent / "readers"
PATIENCE = 30.0


def needed(program: str) -> str:
    """Return where *program* is; skip the test where it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def node(script: str) -> list[str]:
    """Return the command for a script in `readers`; skip where its packages are not installed."""
    if not (READERS / "node_modules").is_dir():
        pytest.skip("the npm packages are missing: npm ci --prefix tests/journeys/readers")
    return [needed("node"), str(READERS / script)]


def tocsin(
    *arguments: str, cwd: Path, given: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Return how a command of tocsin went, in a process of its own."""
    return ran("watcher.cli", *arguments, cwd=cwd, given=given, environ=environ)


def ran(
    module: str,
    *arguments: str,
    cwd: Path,
    given: str = "",
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Return how the `main` of *module* went, in a process of its own."""
    with TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in ("input", "output", "errors")}
        for file in files.values():
            file.write_text(given if file.name == "input" else "", "utf-8", newline="")
        asked = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "environ": {**os.environ, **(environ or {})},
            **{name: str(file) for name, file in files.items()},
        }
        process = _ready()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
        if not readable:
            process.kill()
            _ready.cache_clear()
            raise subprocess.TimeoutExpired(arguments, PATIENCE)
        code = int(process.stdout.readline())
        output, errors = (files[name].read_bytes().decode() for name in ("output", "errors"))
        return subprocess.CompletedProcess(arguments, code, output, errors)


@cache
def _ready() -> subprocess.Popen[str]:
    """Return this worker's process that forks for each command; it ends with its input."""
    command = [sys.executable, "-m", "tests.journeys.ready"]
    root = Path(__file__).parents[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=root, text=True, **pipes)
    atexit.register(process.kill)
    return process


def eventually(true: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Return the first true answer; fail after *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {true}")


def free_port() -> int:
    """Return a port at which nothing listens now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@dataclass
class Running:
    """A desk that `tocsin run` runs."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str
    log: Path

    def get(self, path: str) -> bytes:
        """Return what the web server has at *path*."""
        with urlopen(f"{self.url}{path}", timeout=5) as answer:
            body: bytes = answer.read()
            return body

    def items(self, feed: str) -> list[dict[str, Any]]:
        """Return the items of *feed*, from its JSON form."""
        found: list[dict[str, Any]] = json.loads(self.get(f"/feeds/{feed}.json"))["items"]
        return found

    def kill(self) -> None:
        """End the process as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@contextmanager
def running(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run the desk in *folder* on a free port, and end it with SIGTERM, which has to be clean."""
    desk = started(folder, environ)
    try:
        yield desk
        desk.process.terminate()
        assert desk.process.wait(PATIENCE) == 0, desk.log.read_text("utf-8")
    finally:
        if desk.process.poll() is None:
            desk.kill()


def started(folder: Path, environ: Mapping[str, str] | None = None) -> Running:
    """Return the desk in *folder* once it serves."""
    log = folder.parent / f"{folder.name}.log"
    environ = {**os.environ, "TOCSIN_SERVER__PORT": "0", **(environ or {})}
    with log.open("ab") as written:
        begin = written.tell()
        process = subprocess.Popen(
            [*TOCSIN, "--desk", str(folder), "run"],
            stdout=written,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )

    def address() -> str | None:
        assert process.poll() is None, log.read_text("utf-8")
        said = log.read_bytes()[begin:].decode()
        found = re.search(r"pages +(http://127\.0\.0\.1:\d+)/", said)
        return found[1] if found else None

    url = eventually(address)
    desk = Running(process, folder, url, log)
    eventually(lambda: _serves(desk))
    return desk


def _serves(desk: Running) -> bool:
    try:
        return bool(desk.get("/livez"))
    except OSError:
        return False
