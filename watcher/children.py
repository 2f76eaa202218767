"""Child processes that run functions, with bounds of time and memory. pebble's only room."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessPool

P = ParamSpec("P")
T = TypeVar("T")

MEMORY = 1 << 30
"""How many bytes of address space one child may have beyond what it starts with."""


_preloaded = {"watcher.parse": None}


class Children:
    """A pool of child processes, made when it is first needed.

    *prepare* is run in each before its first task. What *preload* names is imported
    once for all of them, where no pool has begun yet.
    """

    def __init__(
        self,
        workers: int,
        *,
        seconds: float,
        prepare: Callable[[], None] | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        self._seconds = seconds
        # Threads run in the parent: a forked copy of it could inherit a held lock.
        context = multiprocessing.get_context("forkserver")
        _preloaded.update(dict.fromkeys(preload))
        context.set_forkserver_preload(list(_preloaded))
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=500,
            initializer=_bounded,
            initargs=[prepare],
            context=context,
        )

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, run in a child process.

        Raise what it raises; TimeoutError where it took too long, ChildProcessError
        where its process died.
        """
        future = self._pool.schedule(
            function, args=list(args), kwargs=dict(kwargs), timeout=self._seconds
        )
        try:
            return await asyncio.wrap_future(future)
        except ProcessExpired as error:
            raise ChildProcessError(str(error)) from error

    def close(self) -> None:
        """End the child processes, whatever they do."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()


def _bounded(prepare: Callable[[], None] | None) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    if prepare is not None:
        prepare()
