"""The event loop of what polls or serves: uvloop's only room."""

from __future__ import annotations

import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

_TURN = 0.0005
"""Seconds for which a thread may hold the interpreter while another waits. With the usual ten
times as many, those who ask for a feed would wait for each article that is matched meanwhile."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Return what *main* returns, run on an event loop that is fit for serving."""
    sys.setswitchinterval(_TURN)
    return uvloop.run(main)


def settle_in() -> None:
    """Keep the garbage collector from looking again and again at what is loaded by now.

    It stays anyway, and nobody is served while it is looked at: a tenth of a second
    for an ordinary desk.
    """
    gc.collect()
    gc.freeze()
