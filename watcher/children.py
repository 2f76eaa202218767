"""Child processes that run functions, with bounds of time and memory. pebble's only room."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

P = ParamSpec("P")
T = TypeVar("T")

MEMORY = 1 << 30
"""How many bytes of address space a child may have beyond what it starts with, by default."""

_preloaded = dict.fromkeys(("watcher.parse", "trafilatura"))


class Children:
    """A pool of child processes, made when it is first needed.

    *seconds* and *memory* are what a task may take, and after so many *tasks* a child
    gives way to a new one; *prepare* is run in each before its first task. What
    *preload* names is imported once for all of them, where no pool has begun yet.
    """

    def __init__(
        self,
        workers: int,
        *,
        seconds: float,
        memory: int = MEMORY,
        tasks: int = 500,
        prepare: Callable[[], None] | None = None,
        preload: Sequence[str] = (),
    ) -> None:
        self._seconds = seconds
        # Threads run in the parent: a forked copy of it could inherit a held lock.
        context = multiprocessing.get_context("forkserver")
        _preloaded.update(dict.fromkeys(preload))
        context.set_forkserver_preload(list(_preloaded))
        self._new = partial(
            ProcessPool,
            max_workers=workers,
            max_tasks=tasks,
            initializer=_bounded,
            initargs=[prepare, memory],
            context=context,
        )
        self._pool = self._new()
        self._begun: ProcessPool | None = None
        self._waiting: set[ProcessFuture[Any]] = set()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, run in a child process.

        Raise what it raises; TimeoutError where it took too long, ChildProcessError
        where its process died.
        """
        pool = self._pool
        if self._begun is not pool:
            # That takes half a second, in which nobody else would be served.
            await asyncio.to_thread(_begin, pool)
            self._begun = pool
        try:
            future = pool.schedule(
                function, args=list(args), kwargs=dict(kwargs), timeout=self._seconds
            )
        except RuntimeError as error:
            self._renew(pool)
            raise ChildProcessError(str(error)) from error
        self._waiting.add(future)
        try:
            return await asyncio.wrap_future(future)
        except ProcessExpired as error:
            raise ChildProcessError(str(error)) from error
        except BrokenProcessPool as error:
            self._renew(pool)
            raise ChildProcessError(str(error)) from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if pool is self._pool or (task is not None and task.cancelling()):
                raise
            raise ChildProcessError("the pool was made anew") from error
        finally:
            self._waiting.discard(future)

    def _renew(self, broken: ProcessPool) -> None:
        """Put a new pool in the place of a *broken* one, and let go of those who wait for that.

        pebble's pool is of no use any more once a child died that had no task, or
        that had not said yet that it begins one; the kernel may end one at any time
        where memory is short.
        """
        if self._pool is not broken:
            return
        self._pool = self._new()
        for future in list(self._waiting):
            future.cancel()  # type: ignore[no-untyped-call]
        Thread(target=_end, args=[broken], daemon=True).start()

    def close(self) -> None:
        """End the child processes, whatever they do."""
        _end(self._pool)


def _begin(pool: ProcessPool) -> bool:
    """Start the pool's processes, which asking does; tell whether it takes tasks."""
    return bool(pool.active)


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _bounded(prepare: Callable[[], None] | None, memory: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    if prepare is not None:
        prepare()
