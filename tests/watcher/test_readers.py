"""Documents are read in children: what one of them does harms no other."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from tests.feeds.servers import in_loop
from watcher import readers as module
from watcher.parse import Document, ParseError
from watcher.readers import Readers


@asynccontextmanager
async def reading(*, quick: float = 20.0, patient: float = 20.0) -> AsyncIterator[Readers]:
    readers = Readers(workers=1, quick=quick, patient=patient)
    try:
        yield readers
    finally:
        await asyncio.to_thread(readers.close)


def _spin() -> None:
    while True:
        pass


def _swell() -> int:
    return len(bytearray(1 << 33))


def _stumble() -> None:
    raise KeyError("what nobody thought of")


def _wait(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _span(seconds: float) -> tuple[float, float]:
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def _process(_: Document) -> int:
    return os.getpid()


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (_spin, "took more than 0.5 s"),
        (_swell, "too much memory"),
        (os.abort, "too much memory"),
        (_stumble, "makes our reader stumble .KeyError."),
    ],
)
@in_loop
async def test_what_goes_wrong_is_told_and_the_next_document_is_read(
    task: Callable[[], object], reason: str
) -> None:
    async with reading(quick=0.2, patient=0.5) as readers:
        with pytest.raises(ParseError, match=reason):
            await readers.call(task)
    async with reading() as readers:
        with pytest.raises(ParseError, match="no feed"):
            await readers.call(_refuse)
        assert await readers.call(sum, [1, 2]) == 3


def _refuse() -> None:
    raise ParseError("no feed")


@in_loop
async def test_those_that_take_long_wait_for_one_another_and_keep_no_others_waiting() -> None:
    async with reading(quick=0.3) as readers:
        slow = [asyncio.create_task(readers.call(_span, 1.0)) for _ in range(3)]
        assert await readers.call(sum, [1, 2]) == 3
        assert not any(task.done() for task in slow)
        spans = sorted([await task for task in slow])
        assert all(one[1] <= next_one[0] for one, next_one in pairwise(spans))


@in_loop
async def test_a_large_document_is_read_where_there_is_room_for_it(monkeypatch) -> None:
    monkeypatch.setattr(module, "LARGE", 10)
    small, large = (Document(address="", body=b"x" * size) for size in (10, 11))
    async with reading() as readers:
        assert await readers.call(_process, small) != await readers.call(_process, large)


@in_loop
async def test_what_a_large_document_leaves_in_memory_is_missing_for_no_other(monkeypatch) -> None:
    monkeypatch.setattr(module, "LARGE", 10)
    large = Document(address="", body=b"x" * 11)
    async with reading() as readers:
        assert await readers.call(_process, large) != await readers.call(_process, large)


@in_loop
async def test_a_child_that_is_killed_while_it_has_nothing_to_do_is_replaced() -> None:
    async with reading() as readers:
        for _ in range(2):
            idle = await readers.call(_wait, 0.0)
            os.kill(idle, 9)
            while True:  # until it is gone, and beyond: the pool notices it when it likes
                try:
                    os.kill(idle, 0)
                except ProcessLookupError:
                    break
                await asyncio.sleep(0.01)
            for _ in range(3):
                await asyncio.sleep(0.1)
                assert await readers.call(sum, [1, 2]) == 3
