"""The embedded engine: APScheduler beats the time, asyncio runs the jobs. APScheduler's only room.

The schedule's truth stands in the store. The beat only asks what is due.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

Job = tuple[str, str]
Handler = Callable[[str], Awaitable[object]]
Due = Callable[[], Awaitable[Iterable[Job]]]

BEAT = timedelta(seconds=1)
PATIENCE = timedelta(seconds=10)
"""Without a beat for this long (the wall clock was set back), the beat is started anew."""

_NIGHT = 4
"""The hour, in UTC, in which daily jobs run."""

_log = structlog.get_logger("engine")


class EmbeddedEngine:
    """Runs jobs in this process: one at a time for each (kind, key), a bounded number of each kind.

    *due* returns the jobs that are due by the store's word. *limits* bounds
    how many jobs of a kind run at once. *daily* jobs run at the start, and each
    night: a desk that is not up at night has them done too.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        due: Due,
        *,
        limits: Mapping[str, int],
        daily: Iterable[Job] = (),
        beat: timedelta = BEAT,
    ) -> None:
        self._handlers = handlers
        self._due = due
        self._beat = beat
        self._daily = tuple(daily)
        self._room = {kind: asyncio.Semaphore(limit) for kind, limit in limits.items()}
        self._running: dict[Job, asyncio.Task[None]] = {}
        self._again: set[Job] = set()
        self._beaten = time.monotonic()

    @property
    def silence(self) -> timedelta:
        """Return how long ago the last beat was; it is well under PATIENCE in a healthy engine."""
        return timedelta(seconds=time.monotonic() - self._beaten)

    @property
    def busy(self) -> bool:
        """Tell whether any job is running."""
        return bool(self._running)

    async def ring(self, kind: str, key: str) -> None:
        """Run the job soon; one that is running now runs once more afterwards."""
        job = (kind, key)
        if job in self._running:
            self._again.add(job)
            return
        task = asyncio.create_task(self._run(job), name=f"{kind} {key}")
        self._running[job] = task
        task.add_done_callback(lambda _: self._ended(job))

    async def tick(self) -> None:
        """Ring every job that is due."""
        self._beaten = time.monotonic()
        try:
            due = await self._due()
        except Exception:  # noqa: BLE001  the next beat asks again
            _log.exception("tick failed")
            return
        for kind, key in due:
            if (kind, key) not in self._running:
                await self.ring(kind, key)

    async def run(self, stop: asyncio.Event) -> None:
        """Beat until *stop* is set, then let running jobs end or cancel them after PATIENCE."""
        scheduler = self._started()
        for job in self._daily:
            await self.ring(*job)
        try:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PATIENCE.total_seconds() / 2)
                if not stop.is_set() and self.silence > PATIENCE:
                    _log.warning("beat restarted", silence=self.silence.total_seconds())
                    scheduler.shutdown(wait=False)
                    scheduler = self._started()
        finally:
            scheduler.shutdown(wait=False)
            await self.settle(PATIENCE)

    async def settle(self, patience: timedelta) -> None:
        """Wait until no job runs; cancel those that still do after *patience*."""
        self._again.clear()
        deadline = time.monotonic() + patience.total_seconds()
        while self._running and time.monotonic() < deadline:
            await asyncio.wait(set(self._running.values()), timeout=deadline - time.monotonic())
            await asyncio.sleep(0)
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _started(self) -> AsyncIOScheduler:
        # A late beat must not be dropped, nor made up for by many: hence the first two settings.
        scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        scheduler.add_job(self.tick, "interval", seconds=self._beat.total_seconds())
        for job in self._daily:
            scheduler.add_job(self.ring, "cron", hour=_NIGHT, args=job)
        scheduler.start()
        self._beaten = time.monotonic()
        return scheduler

    async def _run(self, job: Job) -> None:
        kind, key = job
        async with self._room[kind]:
            try:
                await self._handlers[kind](key)
            except Exception:  # noqa: BLE001
                # Ours, not the world's: the lease runs out, and the job is tried again.
                _log.exception("job failed", kind=kind, key=key)

    def _ended(self, job: Job) -> None:
        del self._running[job]
        if job in self._again:
            self._again.discard(job)
            asyncio.get_running_loop().create_task(self.ring(*job))
