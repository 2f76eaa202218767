"""The composition root: joins a desk, its store, the network, the engine and the web server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from feeds.channels import SERVICES, Channels
from feeds.channels import prepare as prepare_channels
from feeds.health import Health
from feeds.outgoing import POST_DEADLINE, Outgoing
from feeds.payload import digest
from feeds.sending import STEPS, Sender
from feeds.webhooks import Webhooks
from rules import Entry, Problem, RuleSet
from rules.story import bands
from store import Committed, EndpointSpec, Event, Judged, Stored
from store.database import Database, StoreBusyError, StoreError
from watcher.bridge import Bridge
from watcher.children import Children
from watcher.clock import utc_now
from watcher.decide import Desk
from watcher.desk import DeskState, read_desk, reread
from watcher.drain import IN_FLIGHT, Drainer
from watcher.engines.embedded import EmbeddedEngine, Handler, Job
from watcher.fetch import user_agent
from watcher.gather import Gatherer
from watcher.hosts import host_of
from watcher.hub import Hub
from watcher.links import key_of
from watcher.metrics import Metrics
from watcher.notices import of_day, of_disabled
from watcher.pace import Pace
from watcher.poll import LEASE, Poller
from watcher.readers import Readers
from watcher.settings import FILE as SETTINGS
from watcher.subscribe import Subscriber
from watcher.telling import empty_digests
from watcher.watch import changes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

VERSION = version("tocsin")
REJUDGED = timedelta(days=30)
"""A new or edited rule is also asked about the entries of the last 30 days."""

_MOST_DUE = 20_000
_MOST_AT_ONCE = 500
"""So many polls wait for their turn at most; the next beat asks for more."""

_PUSHES_KEPT = timedelta(days=7)
"""What subscribers of our hub were sent are whole feeds, which nobody asks for later."""

_FORGOTTEN_AT_ONCE = 500
_MOST_HUBS = 100
_MESSENGERS = 4
_PATIENT_TRIES = 40
_BETWEEN_TRIES = 0.05
_LIMITS = {"poll": 64, "drain": 256, "subscribe": 4, "confirm": 4, "publish": 1, "maintain": 1}
_CLOCK_STEP = timedelta(seconds=1)
_LONGEST_STEP = STEPS[-1] * 1.1
_QUIET_BEAT = timedelta(seconds=30)
_log = structlog.get_logger("desk")


class App:
    """A desk at work. Open it with `opened`."""

    def __init__(self, state: DeskState, database: Database) -> None:
        polling = state.settings.values.polling
        self.state = state
        self.database = database
        self.started_at = utc_now()
        self.bridge = Bridge()
        self.outgoing = Outgoing(user_agent(VERSION, polling.contact))
        self.readers = Readers()
        self.messengers = Children(
            _MESSENGERS,
            seconds=POST_DEADLINE.total_seconds(),
            prepare=prepare_channels,
            preload=[SERVICES for one in state.endpoints.values() if one.kind == "channel"][:1],
        )
        handlers: Mapping[str, Handler] = {
            "poll": self._poll,
            "drain": self._drain,
            "subscribe": self._subscribe,
            "confirm": self._confirm,
            "publish": self._publish,
            "maintain": self._maintain,
        }
        self.engine = EmbeddedEngine(
            {kind: self._waiting_for_the_store(kind, done) for kind, done in handlers.items()},
            self._due,
            limits=_LIMITS,
            daily=[("maintain", "forget")],
        )
        self.metrics = Metrics(
            database,
            lambda: self.state,
            utc_now,
            lambda: self.engine.silence,
            lambda: self.readers.given_up,
        )
        self.gatherer = Gatherer(self.outgoing, self.readers, state.folder)
        self.poller = Poller(
            database,
            self.bridge,
            self.gatherer,
            lambda: self.state.deciding,
            Pace(min=polling.min, max=polling.max),
            utc_now,
            self.engine.ring,
            self.metrics.polled,
        )
        self.hub = Hub(
            database,
            self.bridge,
            self.outgoing,
            lambda: self.state,
            utc_now,
            self.engine.ring,
        )
        self.posting = Outgoing(user_agent(VERSION, polling.contact), kept=IN_FLIGHT)
        senders: Mapping[str, Sender] = {
            "webhook": Webhooks(self.posting),
            "channel": Channels(self.messengers.call),
            **self.hub.senders,
        }
        self.drainer = Drainer(
            database,
            self.bridge,
            {kind: self.metrics.counted(sender) for kind, sender in senders.items()},
            self._endpoint,
            utc_now,
            lambda name, reason, at: of_disabled(self.state.deciding, name, reason, at),
            self.engine.ring,
            lambda bundle: digest(bundle, base_url=self.state.deciding.base_url),
        )
        self.subscriber = Subscriber(
            database,
            self.bridge,
            self.outgoing,
            self.readers,
            self.poller,
            lambda: self.state.catalogue.site.base_url,
            utc_now,
            self.hurry,
        )
        self._beaten_at = self.started_at
        self._told_of: date | None = None
        self._changed: dict[str, datetime] = {}
        self._hurried: set[str] = set()
        self._delayed: set[Job] = set()
        self._settings = state.settings.data

    async def close(self) -> None:
        """Let go of the network, the child processes and the store."""
        await self.outgoing.aclose()
        await self.posting.aclose()
        self.readers.close()
        self.messengers.close()
        self.bridge.close()
        self.database.close()

    async def take_in(self, state: DeskState) -> None:
        """Make *state* the desk that is worked by from now on."""
        now = utc_now()
        known = state.book.rules.rules.values()
        rules = {rule.id: (rule.version, rule.title) for rule in known}
        formerly = {rule.id: rule.formerly for rule in known if rule.formerly}
        changed = await self.bridge(self.database.sync_rules, rules, formerly)
        await self.bridge(self.database.sync_sources, state.sources, now)
        await self.bridge(self.database.sync_endpoints, tuple(state.endpoints), now)
        await self.bridge(self.database.expect_digests, empty_digests(state.endpoints, now))
        retired = await self.bridge(self.database.retired_rules)
        private = state.catalogue.private_rules
        hidden = await self.bridge(self.database.hide_rules, frozenset(private))
        origins = await self.bridge(self.database.origins)
        self.state = state.with_past(retired, hidden, origins)
        await self.hub.sync()
        self._changed.update(dict.fromkeys(changed, now))
        if changed:
            await self.engine.ring("maintain", "rejudge")

    async def watch(self, stop: asyncio.Event) -> None:
        """Take in every edit to the desk until *stop* is set."""
        folder = self.state.folder
        try:
            async for paths in changes(folder, folder / "data", stop):
                await self._reload(paths)
        except OSError as error:
            reason = error.strerror or str(error)
            _log.warning("desk unwatched", reason=reason, instead="it is looked at every 30 s")

    async def watch_clockwise(self, stop: asyncio.Event) -> None:
        """Look at the desk's files every 30 s too: not every file system tells of changes."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _QUIET_BEAT.total_seconds())
            if not stop.is_set():
                await self._reload(set())

    def health(self) -> Health:
        """Return whether the desk is at work, and if not, why."""
        reasons = []
        if self.engine.silence > timedelta(seconds=30):
            reasons.append(f"the engine has not beaten for {self.engine.silence.seconds} s")
        if not self.database.writable():
            reasons.append("the store cannot be written")
        usage = shutil.disk_usage(self.state.folder)
        if usage.free < usage.total * 0.01:
            reasons.append("the disk is nearly full")
        return Health(
            ready=not reasons,
            reasons=tuple(reasons),
            started_at=self.started_at,
            last_tick_at=utc_now() - self.engine.silence,
            version=VERSION,
        )

    async def take_entries(self, name: str, entries: Sequence[Entry]) -> Committed | None:
        """Take in entries that a program hands in for a source; None where that is busy for long."""
        keyed = await self.bridge(_keyed, entries)
        for _ in range(_PATIENT_TRIES):
            polled = await self.poller.push(name, keyed)
            if polled is not None:
                return polled.committed
            await asyncio.sleep(_BETWEEN_TRIES)
        return None

    async def hurry(self, name: str) -> None:
        """Look at a source now, due or not."""
        self._hurried.add(name)
        await self.engine.ring("poll", name)

    def source_names(self) -> frozenset[str]:
        """Return the names of the desk's sources."""
        return frozenset(spec.name for spec in self.state.sources)

    async def _reload(self, paths: set[Path]) -> None:
        before = self.state
        try:
            await self.bridge(self._notice_settings)
            state = await self.bridge(reread, before)
            if state != before:
                await self.take_in(state)
                _report(before.problems, state.problems)
                for event in _refusals(before.problems, state.problems, utc_now()):
                    await self.bridge(self.database.note, event)
        except (StoreError, OSError) as error:
            # The desk as it was stays in force; the next look takes the edit in.
            _log.error("edit delayed", reason=str(error))
            return
        for source in state.sources:
            is_local = source.address and "://" not in source.address
            if is_local and _touched(state.folder / source.address, paths):
                await self.hurry(source.name)

    def _notice_settings(self) -> None:
        """Say once that edited settings, but for the endpoints, wait for the next start."""
        try:
            data = (self.state.folder / SETTINGS).read_bytes()
        except OSError:
            return
        if data != self._settings:
            self._settings = data
            _log.warning("settings edited", in_force="at the next start", endpoints="at once")

    async def be_alive(self) -> None:
        """Owe the day's heartbeat to those who want it, and mind a clock that was set back."""
        now = utc_now()
        if now < self._beaten_at - _CLOCK_STEP:
            _log.warning("clock set back", by=str(self._beaten_at - now))
            await self.mend_clock()
        self._beaten_at = now
        if self._told_of != now.date():
            await self._tell_of_day(now)
            self._told_of = now.date()

    async def mend_clock(self) -> None:
        """Make sense of what was stored while the clock was ahead."""
        await self.bridge(self.database.mend_clock, utc_now(), _LONGEST_STEP)

    async def _tell_of_day(self, now: datetime) -> None:
        desk = self.state.deciding
        if not desk.subscribers("heartbeat"):
            return
        sources = await self.bridge(self.database.sources)
        matches = await self.bridge(self.database.count_matches, now - timedelta(days=1))
        owed = of_day(
            desk,
            sources=len(sources) - 1,
            failing=sum(bool(source.error) for source in sources),
            matches=matches,
            now=now,
        )
        await self.bridge(self.database.owe, owed, now)

    def _waiting_for_the_store(self, kind: str, handler: Handler) -> Handler:
        """Return *handler*, to be rung again once the store takes writes where it did not."""

        async def done(key: str) -> None:
            try:
                await handler(key)
            except StoreError as error:
                busy = isinstance(error, StoreBusyError)
                if busy or not await self.bridge(self.database.writable):
                    self._delayed.add((kind, key))
                raise

        return done

    async def _due(self) -> list[Job]:
        if self._delayed and not await self.bridge(self.database.writable):
            return []  # every job would only fail
        due = await self._due_by_now()
        delayed, self._delayed = self._delayed, set()
        return [*delayed.difference(due), *due]

    async def _due_by_now(self) -> list[Job]:
        await self.be_alive()
        now = utc_now()
        due = await self.bridge(self.database.due_sources, now, _MOST_DUE)
        fair = self.gatherer.hosts.fair((name, host_of(address)) for name, address in due)
        sources = fair[:_MOST_AT_ONCE]
        endpoints = await self.bridge(self.database.due_endpoints, now)
        hubs = await self.bridge(self.database.due_subscriptions, now, _MOST_HUBS)
        asked = await self.bridge(self.database.due_hub_requests, now, _MOST_HUBS)
        return [
            ("publish", ""),
            *(("confirm", identity) for identity in asked),
            *(("poll", name) for name in sources),
            *(("drain", name) for name in endpoints),
            *(("subscribe", name) for name in hubs),
        ]

    async def _poll(self, name: str) -> None:
        rules = self.state.book.rules
        hurried = name in self._hurried
        self._hurried.discard(name)
        try:
            await self.poller.poll(name, due_only=not hurried)
        except StoreError:
            if hurried:
                self._hurried.add(name)
            raise
        if rules is not self.state.book.rules:
            # The rules changed while this poll judged by the old ones.
            await self.engine.ring("maintain", "rejudge")

    async def _drain(self, name: str) -> None:
        await self.drainer.drain(name)

    async def _endpoint(self, name: str) -> EndpointSpec | None:
        """Return who stands behind the name of an endpoint now."""
        return self.state.endpoints.get(name) or await self.hub.endpoint(name)

    async def _subscribe(self, name: str) -> None:
        await self.subscriber.subscribe(name)

    async def _confirm(self, identity: str) -> None:
        await self.hub.confirm(identity)

    async def _publish(self, _: str) -> None:
        await self.hub.owe_changes()

    async def _maintain(self, task: str) -> None:
        match task:
            case "rejudge":
                await self.rejudge()
            case "forget":
                await self.forget()

    async def forget(self) -> int:
        """Forget deliveries that are over for as long as the settings say; return how many.

        They go in small transactions, so that no delivery of now waits for that.
        """
        now, count = utc_now(), 0
        keep = self.state.settings.values.store.keep
        bounds = now - keep, now - min(keep, _PUSHES_KEPT)
        while found := await self.bridge(self.database.forget, *bounds, _FORGOTTEN_AT_ONCE):
            count += found
        if count:
            _log.info("deliveries forgotten", count=count, older=str(keep))
        return count

    async def rejudge(self) -> int:
        """Ask the changed rules about stored entries; return how many matches that adds.

        They join the feeds without deliveries: what is old is no alert.
        """
        now = utc_now()
        known = self.state.book.rules.rules
        asked = RuleSet(known[name] for name in self._changed if name in known)
        added, after = 0, ""
        while asked.rules and (
            page := await self.bridge(self.database.entries, now - REJUDGED, after)
        ):
            desk = self.state.deciding
            found = await self.bridge(_unmatched, asked, page, desk)
            added += await self.bridge(
                self.database.add_matches, found, utc_now(), desk.stories(found)
            )
            after = page[-1].id
        await self.bridge(
            self.database.mark_judged, {rule.id: rule.version for rule in asked.rules.values()}
        )
        self._changed = {name: at for name, at in self._changed.items() if now - at < LEASE}
        if added:
            await self.engine.ring("publish", "")
            _log.info("entries rejudged", rules=sorted(asked.rules), matched=added)
        return added


@asynccontextmanager
async def opened(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[App]:
    """Open the desk in *folder* and its store, and close them at the end.

    Raise DeskError or StoreError where one cannot be used.
    """
    state = read_desk(folder, environ)
    app = App(state, Database.open(state.settings.store_url))
    patience = timedelta(seconds=2)
    try:
        await app.mend_clock()
        await app.take_in(state)
        yield app
        patience = timedelta(seconds=20)
    finally:
        app.drainer.stop()
        await app.engine.settle(patience)
        await app.close()


def _unmatched(asked: RuleSet, page: Sequence[Stored], desk: Desk) -> list[Judged]:
    """Return what *asked* say of stored entries that the store does not have."""
    found = (
        (one, tuple(m for m in asked.match(one.entry) if m.rule not in one.matched))
        for one in sorted(page, key=lambda one: one.seen_at)
    )
    return [
        Judged(
            id=one.id,
            entry=one.entry,
            matches=matches,
            known=True,
            bands=bands(one.entry) if desk.window else (),
        )
        for one, matches in found
        if matches
    ]


def _keyed(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    return tuple(replace(one, key=key_of(one.key, one.url, one)) for one in entries)


def _touched(folder: Path, paths: set[Path]) -> bool:
    root = folder.resolve()
    return any(path == root or path.is_relative_to(root) for path in paths)


def _refusals(
    before: tuple[Problem, ...], after: tuple[Problem, ...], now: datetime
) -> Iterator[Event]:
    """Yield what the health feed tells of each file that is refused now, or is so no more."""
    for name in dict.fromkeys(problem.file for problem in after):
        words = "; ".join(
            f"line {one.line}: {one.code} {one.message}" for one in after if one.file == name
        )
        words = f"{words}. Its last good version stays in force."
        yield Event(kind="desk.refused", about=name, words=words, at=now)
    for name in {problem.file for problem in before} - {problem.file for problem in after}:
        yield Event(kind="desk.mended", about=name, words="It is in force as it is now.", at=now)


def _report(before: tuple[Problem, ...], after: tuple[Problem, ...]) -> None:
    for problem in after:
        if problem not in before:
            _log.error("desk refused", problem=str(problem), hint=problem.hint)
    if before and not after:
        _log.info("desk mended")
