"""The engine's contract: losing, doubling or delaying a bell harms nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.feeds.servers import in_loop
from watcher.engines.embedded import EmbeddedEngine

BEAT = timedelta(milliseconds=50)


class Work:
    """Jobs that record when they begin and end, and last as long as a test wants."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.begun: list[str] = []
        self.running = 0
        self.most = 0
        self.due: list[tuple[str, str]] = []

    async def poll(self, key: str) -> None:
        self.begun.append(key)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
            if key == "bad":
                raise RuntimeError("ours")
        finally:
            self.running -= 1

    async def now_due(self) -> list[tuple[str, str]]:
        return self.due

    def engine(self, limit: int = 4) -> EmbeddedEngine:
        return EmbeddedEngine({"poll": self.poll}, self.now_due, limits={"poll": limit}, beat=BEAT)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.01)


async def running(engine: EmbeddedEngine, story: Callable[[], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run(stop))
    try:
        await story()
    finally:
        stop.set()
        await run


@in_loop
async def test_what_is_due_is_found_without_any_bell() -> None:
    work = Work()
    work.due = [("poll", "a")]
    await running(work.engine(), lambda: until(lambda: len(work.begun) >= 3))


@in_loop
async def test_a_job_never_runs_twice_at_the_same_time() -> None:
    work = Work(seconds=0.2)
    work.due = [("poll", "a")]
    await running(work.engine(), lambda: until(lambda: len(work.begun) >= 3))
    assert work.most == 1


@in_loop
async def test_a_bell_during_a_job_makes_it_run_once_more_afterwards() -> None:
    work = Work(seconds=0.05)
    engine = work.engine()
    for _ in range(5):
        await engine.ring("poll", "a")
    await until(lambda: len(work.begun) == 2 and not engine.busy)
    await asyncio.sleep(0.1)
    assert work.begun == ["a", "a"]


@in_loop
async def test_no_more_jobs_of_a_kind_run_than_its_limit() -> None:
    work = Work(seconds=0.05)
    engine = work.engine(limit=3)
    for number in range(10):
        await engine.ring("poll", str(number))
    await until(lambda: len(work.begun) == 10 and not engine.busy)
    assert work.most == 3


@in_loop
async def test_a_job_that_fails_harms_no_other_and_is_tried_again() -> None:
    work = Work()
    work.due = [("poll", "bad"), ("poll", "good")]
    await running(
        work.engine(),
        lambda: until(lambda: work.begun.count("bad") > 1 and work.begun.count("good") > 1),
    )


@in_loop
async def test_a_beat_that_fails_is_followed_by_the_next() -> None:
    work = Work()
    answers = iter([RuntimeError("the store is busy")])

    async def due() -> list[tuple[str, str]]:
        for error in answers:
            raise error
        return [("poll", "a")]

    engine = EmbeddedEngine({"poll": work.poll}, due, limits={"poll": 1}, beat=BEAT)
    await running(engine, lambda: until(lambda: work.begun != []))


@in_loop
async def test_settling_waits_for_jobs_and_cancels_those_that_take_too_long() -> None:
    work = Work(seconds=0.1)
    engine = work.engine()
    await engine.ring("poll", "a")
    await engine.settle(timedelta(seconds=5))
    assert not engine.busy
    work.seconds = 60
    await engine.ring("poll", "b")
    await asyncio.sleep(0.01)
    await engine.settle(timedelta(milliseconds=50))
    assert work.running == 0


@in_loop
async def test_the_engine_tells_how_long_it_has_been_silent() -> None:
    work = Work()
    engine = work.engine()
    await asyncio.sleep(0.15)
    assert engine.silence >= timedelta(milliseconds=140)
    await engine.tick()
    assert engine.silence < timedelta(milliseconds=100)


@in_loop
async def test_daily_jobs_are_done_at_every_start() -> None:
    work = Work()
    engine = EmbeddedEngine(
        {"poll": work.poll}, work.now_due, limits={"poll": 1}, daily=[("poll", "night")], beat=BEAT
    )
    await running(engine, lambda: until(lambda: work.begun.count("night") == 1))
