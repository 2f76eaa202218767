"""What several tests of the watcher need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from feeds import guard
from feeds.connection import Connection
from tests.builders import NOON
from watcher import app as apps


class Clock:
    """A clock that the desk goes by; the test sets it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(apps, "utc_now", clock)
    return clock


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have each name lead to a public address, for which this machine stands; note the ports."""
    ports: list[int] = []
    connect = guard.connected

    async def public(_: guard.SystemResolver, host: str, port: int) -> Sequence[str]:
        return ["1.1.1.1"]

    async def here(address: str, port: int) -> Connection:
        assert address == "1.1.1.1"
        ports.append(port)
        return await connect("127.0.0.1", port)

    monkeypatch.setattr(guard.SystemResolver, "__call__", public)
    monkeypatch.setattr(guard, "connected", here)
    return ports
