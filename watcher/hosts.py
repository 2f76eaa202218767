"""Keeps to the manners of one server at a time: few requests at once, and a moment between them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

AT_ONCE = 2
GAP = timedelta(seconds=0.5)


def host_of(address: str) -> str:
    """Return the host that an address belongs to; "" for a path in the desk.

    >>> host_of("https://Example.org:8443/rss")
    'example.org'
    """
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


class Hosts:
    """Whose turn it is at each host. Own servers (allow_private) are asked as they can take it."""

    def __init__(self, at_once: int = AT_ONCE, gap: timedelta = GAP) -> None:
        self._at_once = at_once
        self._gap = gap.total_seconds()
        self._waiting: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._free_at: dict[str, float] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until *host* may be asked, and hold its turn for as long as the block runs.

        "" is nobody's host, which is always free.
        """
        if not host:
            yield
            return
        self._waiting[host] += 1
        turns = self._turns.setdefault(host, asyncio.Semaphore(self._at_once))
        try:
            async with turns:
                clock = asyncio.get_running_loop().time
                wait = self._free_at.get(host, 0.0) - clock()
                self._free_at[host] = max(self._free_at.get(host, 0.0), clock()) + self._gap
                await asyncio.sleep(max(wait, 0.0))
                yield
        finally:
            self._waiting[host] -= 1
            if not self._waiting[host]:
                self._forget(host)

    def _forget(self, host: str) -> None:
        del self._waiting[host], self._turns[host]
        now = asyncio.get_running_loop().time()
        for other in [name for name, free in self._free_at.items() if free < now]:
            del self._free_at[other]

    def fair(self, due: Iterable[tuple[str, str]]) -> list[str]:
        """Return, of *due* sources and their hosts, those that can be asked without waiting long.

        Hundreds of sources on a slow host must not keep all others waiting.
        """
        taken = Counter(self._waiting)
        chosen: list[str] = []
        for name, host in due:
            if not host or taken[host] < self._at_once:
                taken[host] += 1
                chosen.append(name)
        return chosen
