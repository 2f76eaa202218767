"""Sends one delivery while somebody waits for its outcome."""

from __future__ import annotations

import asyncio

from store import Delivery
from watcher.app import App

_PATIENCE = 25.0
_BEAT = 0.1


async def sent(app: App, delivery: Delivery) -> Delivery:
    """Return *delivery* after its next try, by us or by the desk that is running meanwhile.

    A delivery that is held is not tried.
    """
    tries = len(delivery.log)
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    await app.drainer.drain(delivery.endpoint)
    while asyncio.get_running_loop().time() < deadline:
        found = app.database.delivery(delivery.id) or delivery
        if len(found.log) > tries or found.state == "held":
            return found
        await asyncio.sleep(_BEAT)
    return delivery
