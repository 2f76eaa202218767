"""Sends what one endpoint is owed. The handler of the job `drain`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from feeds.outgoing import POST_DEADLINE
from feeds.sending import Sender, send
from store import Bundle, Delivery, EndpointSpec, Settled, Tried
from store.database import Database
from store.outbox import Tell
from watcher.bridge import Bridge, Together
from watcher.rate import Rate

LEASE = timedelta(seconds=60)
IN_FLIGHT = 4
_CLAIMED = 32
"""So many deliveries are claimed at once; those that a slow endpoint leaves are given back."""

Pause = Callable[[float], Awaitable[object]]

_log = structlog.get_logger("drain")


class Drainer:
    """Sends deliveries to endpoints as they are described at that moment.

    *senders* are those for each kind of endpoint. *endpoint* returns who stands behind
    a name: the desk says so, or the part of us that enlisted it; None for nobody.
    *tell* is what others are owed where one is disabled, and *announce* rings for
    those. *render* writes a digest. *pause* waits for so many seconds.
    """

    def __init__(
        self,
        database: Database,
        bridge: Bridge,
        senders: Mapping[str, Sender],
        endpoint: Callable[[str], Awaitable[EndpointSpec | None]],
        clock: Callable[[], datetime],
        tell: Tell,
        announce: Callable[[str, str], Awaitable[None]],
        render: Callable[[Bundle], Mapping[str, Any]],
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._database = database
        self._bridge = bridge
        self._senders = senders
        self._endpoint = endpoint
        self._clock = clock
        self._settle = Together(bridge, partial(database.settle, tell=tell))
        self._announce = announce
        self._render = render
        self._pause = pause
        self._rates: dict[str, Rate] = {}
        self._resting: set[str] = set()
        self._stopped = False

    def stop(self) -> None:
        """Begin no further try; those under way come to their end."""
        self._stopped = True

    async def drain(self, name: str) -> int:
        """Send all that the endpoint *name* is owed by now; return how many arrived."""
        arrived = 0
        while not self._stopped and (endpoint := await self._endpoint(name)):
            claimed = await self._bridge(
                self._database.claim_deliveries,
                name,
                self._clock(),
                LEASE,
                _CLAIMED,
                holding=endpoint.holding,
                render=self._render,
            )
            if not claimed:
                break
            arrived += await self._sent(endpoint, claimed)
        return arrived

    async def _sent(self, endpoint: EndpointSpec, claimed: tuple[Delivery, ...]) -> int:
        """Send what was *claimed*, as far as endpoint and lease allow; return how many arrived."""
        self._resting.discard(endpoint.name)
        left = deque(claimed)
        workers = [
            self._work(endpoint, left, self._clock() + LEASE - POST_DEADLINE)
            for _ in range(min(IN_FLIGHT, len(claimed)))
        ]
        try:
            async with asyncio.TaskGroup() as group:
                working = [group.create_task(worker) for worker in workers]
        except BaseException:
            await self._bridge(self._database.release_deliveries, claimed)
            raise
        if left:
            await self._bridge(self._database.release_deliveries, tuple(left))
        return sum(task.result() for task in working)

    async def _work(self, endpoint: EndpointSpec, left: deque[Delivery], until: datetime) -> int:
        """Send one delivery of *left* after the other, and begin none after *until*."""
        arrived = 0
        rate = self._rate(endpoint)
        while left and self._goes_on(endpoint) and rate.next(self._clock()) <= until:
            delivery = left.popleft()
            wait = rate.take(now := self._clock()) - now
            if wait:
                await self._pause(wait.total_seconds())
            if not self._goes_on(endpoint):
                left.appendleft(delivery)
                break
            settled = await self._tried(endpoint, delivery)
            arrived += settled.state == "delivered"
            if settled.rests:
                self._resting.add(endpoint.name)
        return arrived

    def _goes_on(self, endpoint: EndpointSpec) -> bool:
        return not self._stopped and endpoint.name not in self._resting

    def _rate(self, endpoint: EndpointSpec) -> Rate:
        rate = self._rates.get(endpoint.name)
        if rate is None or rate.per_second != endpoint.rate:
            rate = self._rates[endpoint.name] = Rate(endpoint.rate)
        return rate

    async def _tried(self, endpoint: EndpointSpec, delivery: Delivery) -> Settled:
        tried = await send(self._senders[endpoint.kind], endpoint, delivery, self._clock())
        settled = await self._settle(tried)
        _report(tried)
        if settled.disabled:
            _log.warning("endpoint disabled", endpoint=endpoint.name, reason=settled.disabled)
        for other in settled.rung:
            await self._announce("drain", other)
        return settled


def _report(tried: Tried) -> None:
    delivery, attempt = tried.delivery, tried.attempt
    log = _log.bind(endpoint=delivery.endpoint, id=delivery.id, type=delivery.event)
    if tried.outcome == "delivered":
        log.info("delivery accepted", status=attempt.status)
    else:
        retry_at = tried.retry_at.isoformat(timespec="seconds") if tried.retry_at else None
        log.warning(
            "delivery refused", error=attempt.error, attempt=attempt.number, retry_at=retry_at
        )
