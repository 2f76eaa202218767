"""Sends what one endpoint is owed. The handler of the job `drain`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from feeds.sending import Sender, Sent, send
from store import Delivery, EndpointSpec
from store.database import Database
from watcher.bridge import Bridge

LEASE = timedelta(seconds=30)
"""Longer than the 20 s that one try may take."""

IN_FLIGHT = 4

_log = structlog.get_logger("drain")


class Drainer:
    """Sends deliveries to endpoints as they are described at that moment.

    *senders* are those for each kind of endpoint. *endpoint* returns who stands behind
    a name: the desk says so, or the part of us that enlisted it; None for nobody.
    """

    def __init__(
        self,
        database: Database,
        bridge: Bridge,
        senders: Mapping[str, Sender],
        endpoint: Callable[[str], Awaitable[EndpointSpec | None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._bridge = bridge
        self._senders = senders
        self._endpoint = endpoint
        self._clock = clock

    async def drain(self, name: str) -> int:
        """Send all that the endpoint *name* is owed by now; return how many arrived."""
        endpoint = await self._endpoint(name)
        arrived = 0
        while endpoint is not None and (deliveries := await self._claimed(name)):
            try:
                outcomes = await asyncio.gather(
                    *(self._deliver(endpoint, delivery) for delivery in deliveries)
                )
            except BaseException:
                await self._bridge(self._database.release_deliveries, deliveries)
                raise
            arrived += outcomes.count("delivered")
            if "gone" in outcomes:
                _log.warning("endpoint disabled", endpoint=name, reason="410 Gone")
        return arrived

    async def _claimed(self, name: str) -> tuple[Delivery, ...]:
        return await self._bridge(
            self._database.claim_deliveries, name, self._clock(), LEASE, IN_FLIGHT
        )

    async def _deliver(self, endpoint: EndpointSpec, delivery: Delivery) -> str:
        sent = await send(self._senders[endpoint.kind], endpoint, delivery, self._clock())
        await self._bridge(
            self._database.settle,
            delivery,
            sent.attempt,
            outcome=sent.outcome,
            retry_at=sent.retry_at,
        )
        _report(endpoint, delivery, sent)
        return sent.outcome


def _report(endpoint: EndpointSpec, delivery: Delivery, sent: Sent) -> None:
    log = _log.bind(endpoint=endpoint.name, id=delivery.id, type=delivery.event)
    if sent.outcome == "delivered":
        log.info("delivery accepted", status=sent.attempt.status)
    else:
        retry_at = sent.retry_at.isoformat(timespec="seconds") if sent.retry_at else None
        attempt = sent.attempt
        log.warning(
            "delivery refused", error=attempt.error, attempt=attempt.number, retry_at=retry_at
        )
