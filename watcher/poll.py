"""One look at a source: gather, parse, decide, commit. The handler of the job `poll`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from rules import Entry
from store import Claim, Committed, Known, Poll, Rest, Source, Wanted
from store.database import Database
from watcher.bridge import Bridge, Together
from watcher.decide import Desk, decide
from watcher.fetch import FetchError
from watcher.fulltext import Completed
from watcher.gather import Gathered, Gatherer
from watcher.pace import Pace, after_failure, allowed, interval, spread
from watcher.parse import ParseError
from watcher.recall import recalled
from watcher.ways import seen_of

Look = Callable[[Desk], Poll]
"""What a look at a source brought, still to be judged by what the desk says then."""

LEASE = timedelta(minutes=1)
"""A poll that takes longer holds its claim anew each third of this."""

_SOON = timedelta(seconds=10)
_log = structlog.get_logger("poll")


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What a poll came to: the counts of its commit, and the source's error or ""."""

    source: str
    committed: Committed
    error: str = ""


class Poller:
    """Polls sources with what the desk says at that moment; *note* counts what was committed."""

    def __init__(
        self,
        database: Database,
        bridge: Bridge,
        gatherer: Gatherer,
        desk: Callable[[], Desk],
        pace: Pace,
        clock: Callable[[], datetime],
        announce: Callable[[str, str], Awaitable[None]],
        note: Callable[[Poll, Committed], None],
    ) -> None:
        self._database = database
        self._bridge = bridge
        self._gatherer = gatherer
        self._desk = desk
        self._pace = pace
        self._clock = clock
        self._announce = announce
        self._note = note
        self._claim = Together(bridge, partial(database.claim_each, lease=LEASE))
        self._recall = Together(bridge, partial(recalled, database))
        self._settle = Together(bridge, self._settled)

    async def poll(self, name: str, *, due_only: bool = True) -> Polled | None:
        """Look at the source *name* now; return None where it is not due or somebody else looks."""
        now = self._clock()
        claim = await self._claim(Wanted(source=name, now=now, due_only=due_only))
        if claim is None:
            return None
        async with self._given_back(claim, now + _SOON):
            try:
                async with self._held(claim):
                    gathered = await self._gatherer.gather(claim.source, now)
                    look = await self._look(claim, gathered, now)
            except (FetchError, ParseError) as error:
                look = self._failed_look(claim, error, now)
            return await self._commit(look)

    @asynccontextmanager
    async def _given_back(self, claim: Claim, due: datetime) -> AsyncIterator[None]:
        """Give *claim* back, due then, where the block fails or is cut off."""
        try:
            yield
        except BaseException:
            await self._bridge(self._database.release, claim, now=due)
            raise

    @asynccontextmanager
    async def _held(self, claim: Claim) -> AsyncIterator[None]:
        """Renew *claim* as long as the block runs; nearly none runs long enough to need it."""
        third = LEASE.total_seconds() / 3
        renewing: list[asyncio.Task[None]] = []

        async def renew() -> None:
            while True:
                await self._bridge(self._database.renew, claim, self._clock() + LEASE)
                await asyncio.sleep(third)

        begin = asyncio.get_running_loop().call_later(
            third, lambda: renewing.append(asyncio.create_task(renew()))
        )
        try:
            yield
        finally:
            begin.cancel()
            for task in renewing:
                task.cancel()

    async def push(
        self, name: str, entries: tuple[Entry, ...], *, news: bool = True
    ) -> Polled | None:
        """Take in *entries* that somebody handed in for the source *name*; None where it is busy.

        Unless each is *news*, those alert that would have alerted had a poll found them.
        """
        now = self._clock()
        claim = await self._claim(Wanted(source=name, now=now, due_only=False))
        if claim is None:
            return None
        at = claim.source.next_poll_at
        async with self._given_back(claim, at):
            known = await self._known(claim, entries)
            full = await self._completed(claim.source, entries, known, now)
            look = partial(
                decide,
                claim,
                full.entries,
                known,
                now=now,
                next_poll_at=at,
                pushed=True,
                news=news,
                linked=full.linked,
            )
            return await self._commit(look)

    async def _look(self, claim: Claim, gathered: Gathered, now: datetime) -> Look:
        source = claim.source
        entries = gathered.entries
        known = await self._known(claim, entries)
        seen = seen_of(source, gathered, known, now)
        full = await self._completed(source, entries, known, now)
        least = max(seen.wishes.interval, gathered.fresh_for)
        gap = interval(source, seen.gap, self._pace, least)
        at = spread(now, gap, random.random())  # noqa: S311  jitter is no secret
        return partial(
            decide,
            claim,
            full.entries,
            known,
            now=now,
            next_poll_at=at if source.spec.every else allowed(at, seen.wishes),
            # While articles are still to be had, the source has to show its entries again.
            validators=gathered.validators if full.is_whole else None,
            error=gathered.error,
            seen=seen,
            took=self._clock() - now,
            linked=full.linked,
        )

    async def _completed(
        self,
        source: Source,
        entries: tuple[Entry, ...],
        known: Mapping[str, Known],
        now: datetime,
    ) -> Completed:
        """Return *entries*; for a source that asks for full texts, what is new of them with theirs."""
        if not source.spec.full_text:
            return Completed(entries=entries, linked={})
        return await self._gatherer.full_texts.completed(source, entries, known, now)

    async def _known(self, claim: Claim, entries: tuple[Entry, ...]) -> Mapping[str, Known]:
        """Return what is stored of *entries*, by their present keys."""
        return await self._recall((claim.source, entries)) if entries else {}

    def _failed_look(self, claim: Claim, error: FetchError | ParseError, now: datetime) -> Look:
        wait = error.retry_after if isinstance(error, FetchError) else None
        gap = after_failure(claim.source, self._pace, wait)
        look = partial(
            decide,
            claim,
            (),
            {},
            now=now,
            next_poll_at=spread(now, gap, random.random()),  # noqa: S311  jitter is no secret
            error=str(error),
            gone=isinstance(error, FetchError) and error.gone,
        )
        if not (isinstance(error, FetchError) and error.tired):
            return look
        rest = Rest(server=error.tired, until=now + (wait or self._pace.min))
        return lambda desk: replace(look(desk), rest=rest)

    def _settled(self, looks: Sequence[Look]) -> list[tuple[Poll, Committed | None]]:
        """Decide what came of *looks*, and commit that, all or nothing.

        It is done in a thread: thousands of entries must not hold up those who wait for
        the web server.
        """
        desk = self._desk()
        polls = [look(desk) for look in looks]
        return list(zip(polls, self._database.commit_each(polls), strict=True))

    async def _commit(self, look: Look) -> Polled | None:
        poll, committed = await self._settle(look)
        if committed is None:
            _log.warning("poll discarded", source=poll.source, reason="another process polled it")
            return None
        report = _log.warning if poll.error else _log.info
        fields = {"error": poll.error} if poll.error else {}
        if poll.error or committed.new or committed.revised:
            report(
                "poll committed",
                source=poll.source,
                new=committed.new,
                revised=committed.revised,
                matched=committed.matched,
                **fields,
            )
        self._note(poll, committed)
        for endpoint in committed.endpoints:
            await self._announce("drain", endpoint)
        if committed.matched or committed.revised:
            await self._announce("publish", "")
        return Polled(source=poll.source, committed=committed, error=poll.error)
