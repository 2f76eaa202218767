"""What several tests of the watcher need."""

from __future__ import annotations

from datetime import datetime

import pytest

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
