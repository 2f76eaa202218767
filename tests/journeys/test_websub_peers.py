"""Sites of others that speak WebSub: they subscribe at our hub, and we subscribe at theirs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.desks import rss, write_desk
from tests.journeys.running import Running, eventually, free_port, running

PEERS = Path(__file__).parent / "peers"


class Peer:
    """A running site with Flask-WebSub in both roles."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do(self, what: str, body: bytes) -> str:
        with urlopen(f"{self.url}/do/{what}", data=body, timeout=20) as answer:
            said: str = answer.read().decode()
            return said

    def noted(self) -> dict[str, list[Any]]:
        with urlopen(f"{self.url}/do/noted", timeout=20) as answer:
            found: dict[str, list[Any]] = json.load(answer)
            return found

    def bodies(self) -> list[str]:
        return [one["body"] for one in self.noted()["heard"]]


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with site(tmp_path) as found:
        yield found


@contextmanager
def site(folder: Path) -> Iterator[Peer]:
    python = PEERS / ".venv" / "bin" / "python"
    if not python.exists():
        pytest.skip("Flask-WebSub is missing: see .ci/run")
    command = [str(python), str(PEERS / "websub.py"), str(folder)]
    log = (folder / "peer.log").open("wb")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        assert url, (folder / "peer.log").read_text()
        yield Peer(url)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        log.close()


def handed_in(desk: Running, name: str, text: str) -> None:
    (desk.folder / "articles" / name).write_text(text, "utf-8")


@contextmanager
def open_hub(folder: Path) -> Iterator[Running]:
    """Run a desk whose hub talks to subscribers on loopback, under the address that it has."""
    port = free_port()
    settings = {
        "TOCSIN_HUB__ALLOW_PRIVATE": "true",
        "TOCSIN_SERVER__PORT": str(port),
    }
    with running(write_desk(folder), settings) as desk:
        yield desk


@pytest.mark.parametrize("form", ["rss", "json"])
def test_flask_websub_finds_our_hub_and_hears_of_each_change_until_it_unsubscribes(
    peer: Peer, tmp_path: Path, form: str
) -> None:
    with open_hub(tmp_path / "desk") as desk:
        topic = f"{desk.url}/feeds/law-32108.{form}"
        subscription = peer.do("subscribe", urlencode({"feed": topic}).encode())
        eventually(lambda: ["subscribe", topic] in peer.noted()["events"])

        handed_in(desk, "1.txt", "Uno: la Ley 32108")
        told = eventually(peer.bodies)
        assert told[-1].encode() == desk.get(f"/feeds/law-32108.{form}")
        handed_in(desk, "2.txt", "Dos: la Ley 32108")
        eventually(lambda: any("Dos" in body for body in peer.bodies()))

        peer.do("unsubscribe", urlencode({"id": subscription}).encode())
        eventually(lambda: ["unsubscribe", topic] in peer.noted()["events"])
        before = len(peer.bodies())
        handed_in(desk, "3.txt", "Tres: la Ley 32108")
        eventually(lambda: len(desk.items("law-32108")) == 3)
        assert len(peer.bodies()) == before


def test_a_feed_with_a_hub_of_others_is_pushed_to_us(peer: Peer, tmp_path: Path) -> None:
    first = rss(("1", "Uno: la Ley 32108"))
    peer.do("publish", first)
    folder = write_desk(
        tmp_path / "desk",
        feeds={"peer": f"{peer.url}/feed"},
        options="alert_since: always, every: 10h",
    )
    port = free_port()
    with running(folder, {"TOCSIN_SERVER__PORT": str(port)}) as desk:
        eventually(lambda: len(desk.items("law-32108")) == 1)
        eventually(lambda: b"pushed" in desk.get("/sources"))
        peer.do("publish", rss(("1", "Uno: la Ley 32108"), ("2", "Dos: la Ley 32108")))
        eventually(lambda: len(desk.items("law-32108")) == 2)
