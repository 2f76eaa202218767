"""The one way by which the asynchronous shell calls the synchronous store and core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")


class Bridge:
    """A few threads that wait for the disk and match articles, so that the event loop does not."""

    def __init__(self, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, run in one of the threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **kwargs))

    def close(self) -> None:
        """Wait for the calls that are under way."""
        self._threads.shutdown()


class Together(Generic[Item, T]):
    """Hands what is asked for while the function is busy to its next call, all at once.

    So a hundred polls that end together are one transaction, which costs one
    writing of the disk; and a poll that ends alone does not wait for others.
    *function* takes a sequence and returns a result for each, or fails for all.
    """

    def __init__(
        self, bridge: Bridge, function: Callable[[Sequence[Item]], Sequence[T]], most: int = 64
    ) -> None:
        self._bridge = bridge
        self._function = function
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[T]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> T:
        """Return what the function returns for *item*, or raise what it raises for it alone."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            some = self._waiting[: self._most]
            del self._waiting[: self._most]
            await self._settle(some)

    async def _settle(self, some: Sequence[tuple[Item, asyncio.Future[T]]]) -> None:
        called = self._bridge(self._function, [item for item, _ in some])
        (found,) = await asyncio.gather(called, return_exceptions=True)
        if not isinstance(found, BaseException):
            for (_, future), result in zip(some, found, strict=True):
                if not future.done():
                    future.set_result(result)
        elif len(some) > 1:
            # One that fails must not cost the others: each is tried alone.
            for one in some:
                await self._settle([one])
        elif not (future := some[0][1]).done():
            future.set_exception(found)
