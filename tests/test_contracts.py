"""The house's order is held by tools; this shows that they see it broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("feeds", "rules", "store", "watcher")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the code, to be broken."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def add(path: Path, line: str) -> None:
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")


def linted(house: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)


def test_the_contracts_are_kept(house: Path) -> None:
    done = linted(house)
    assert done.returncode == 0, done.stdout
    assert "5 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("rules/entry.py", "import store", "imports point one way"),
        ("store/schedule.py", "import feeds.payload", "imports point one way"),
        ("feeds/payload.py", "import watcher.links", "imports point one way"),
        ("rules/entry.py", "import socket", "pure modules reach no socket"),
        ("watcher/decide.py", "import store.database", "pure modules reach no socket"),
        ("rules/match.py", "import time", "pure modules reach no socket"),
        ("watcher/poll.py", "import store.rows", "rows stay in the store"),
        ("feeds/web.py", "import sqlalchemy", "rows stay in the store"),
        ("store/nouns.py", "import store.rows", "importing the store costs no database"),
        ("rules/match.py", "import rules.ruleset", "no module stands in a circle"),
    ],
)
def test_a_contract_that_is_violated_is_reported_as_broken(
    house: Path, module: str, line: str, contract: str
) -> None:
    add(house / module, line)
    done = linted(house)
    assert done.returncode != 0
    broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("watcher/gather.py", "import feedparser"),
        ("feeds/jsonfeed.py", "from feedgen.feed import FeedGenerator"),
        ("watcher/poll.py", "from apscheduler.schedulers.asyncio import AsyncIOScheduler"),
        ("watcher/fetch.py", "import httpx"),
        ("watcher/app.py", "from urllib.request import urlopen"),
        ("watcher/app.py", "from sqlmodel import Session"),
    ],
)
def test_a_library_outside_its_room_is_reported(house: Path, module: str, line: str) -> None:
    add(house / module, line)
    command = [str(Path(sys.executable).parent / "ruff"), "check", "--select", "TID251", "."]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert module in done.stdout


def test_importing_the_store_loads_no_database() -> None:
    program = "import store, sys; print(any('sqlalchemy' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
