"""Parses documents in child processes that are killed when one takes too long."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import TimeoutError as PastDeadline
from pathlib import Path
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

from watcher.parse import ParseError

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 20.0
"""How long one document may take; a usual feed takes a hundredth of a second."""

MEMORY = 1 << 30
"""How many bytes of address space one child may have beyond what it starts with."""


class Readers:
    """A few child processes that run pure functions; a hostile document costs only its child."""

    def __init__(self, workers: int = 2, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        # Threads run in the parent: a forked copy of it could inherit a held lock.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["watcher.parse"])
        self._pool = ProcessPool(
            max_workers=workers, max_tasks=500, initializer=_bounded, context=context
        )

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, run in a child process.

        Raise what it raises; ParseError where it took too long or its process died.
        """
        future = self._pool.schedule(
            function, args=list(args), kwargs=dict(kwargs), timeout=self._seconds
        )
        try:
            return await asyncio.wrap_future(future)
        except PastDeadline as error:
            message = f"the document took more than {self._seconds:g} s to read and was given up"
            raise ParseError(message) from error
        except (ProcessExpired, MemoryError) as error:
            raise ParseError(
                "the document took too much memory to read and was given up"
            ) from error

    def close(self) -> None:
        """End the child processes, whatever they do."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _bounded() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
