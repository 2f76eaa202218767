"""What is asked for at the same time is done together, and one that fails costs only itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from tests.feeds.servers import in_loop
from watcher.bridge import Bridge, Together


@pytest.fixture
def bridge():
    opened = Bridge()
    yield opened
    opened.close()


@in_loop
async def test_what_waits_while_the_function_is_busy_is_handed_over_at_once(bridge) -> None:
    calls, go = [], threading.Event()

    def doubled(items: Sequence[int]) -> list[int]:
        calls.append(list(items))
        go.wait(10)
        return [2 * item for item in items]

    double = Together(bridge, doubled, most=3)
    first = asyncio.create_task(double(1))
    while not calls:
        await asyncio.sleep(0)
    rest = [asyncio.create_task(double(number)) for number in range(2, 7)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12]
    assert calls == [[1], [2, 3, 4], [5, 6]]


@in_loop
async def test_one_that_fails_costs_the_others_nothing(bridge) -> None:
    def inverse(items: Sequence[int]) -> list[float]:
        return [1 / item for item in items]

    divide = Together(bridge, inverse)
    found = await asyncio.gather(*map(divide, (1, 0, 2)), return_exceptions=True)
    assert (found[0], found[2]) == (1, 0.5)
    assert isinstance(found[1], ZeroDivisionError)


@in_loop
async def test_who_does_not_wait_any_more_holds_up_nobody(bridge) -> None:
    echo = Together(bridge, list)
    gone = asyncio.create_task(echo(1))
    await asyncio.sleep(0)
    gone.cancel()
    assert await echo(2) == 2
