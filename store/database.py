"""The store's machine: everything that is asked of it and written to it, each in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from store import (
    archive,
    bundles,
    commits,
    copies,
    events,
    forgetting,
    hubs,
    lines,
    outbox,
    receivers,
    renaming,
    schedule,
    subscriptions,
    tokens,
    windows,
)
from store.engine import Engine, Migrated, backed_up, opened, restored
from store.errors import StoreBusyError, StoreError
from store.holding import AT_WILL, Holding
from store.nouns import (
    Backlog,
    Claim,
    Committed,
    Coverage,
    Delivery,
    DeliveryState,
    Endpoint,
    Event,
    FeedToken,
    Headline,
    HubRequest,
    HubSubscriber,
    Judged,
    Known,
    Owed,
    Poll,
    Published,
    Revision,
    Settled,
    Silence,
    Source,
    SourceSpec,
    Span,
    Stored,
    StoryTerms,
    Subscription,
    Tried,
    Wanted,
)

__all__ = ["Database", "StoreBusyError", "StoreError"]

_NEAR_COPIES_APART = StoryTerms()
_NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})


class Database:
    """One store, safe to be used from several threads. Every method may raise StoreError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Database:
        """Return the store at *url*, made or migrated where needed; raise StoreError.

        What processes that are dead had claimed is free again.
        """
        engine = opened(url)
        if engine.was_abandoned:
            with engine.writing() as session:
                schedule.forget_claims(session)
                outbox.forget_claims(session)
        return cls(engine)

    @staticmethod
    def back_up(url: str, target: Path) -> None:
        """Copy the store at *url*, in one state, to the new file *target*; raise StoreError.

        A desk may run meanwhile.
        """
        backed_up(url, target)

    @staticmethod
    def restore(url: str, source: Path) -> Path | None:
        """Make the copy *source* the store at *url*, where no desk runs; raise StoreError.

        Return where the store that was there before is kept.
        """
        return restored(url, source)

    def export(self, target: Path) -> int:
        """Write every row to the new file *target* as JSON Lines; return how many; raise StoreError.

        They are of one state; a desk may run meanwhile.
        """
        with (
            copies.new_file(target) as path,
            path.open("w", encoding="utf-8") as file,
            self._engine.reading() as session,
        ):
            return sum(file.write(f"{line}\n") > 0 for line in lines.written(session)) - 1

    def take_in(self, source: Path) -> int:
        """Store the rows that `export` wrote, all or none; return how many; raise StoreError."""
        try:
            with source.open("rb") as file, self._engine.writing() as session:
                return lines.take_in(session, file)
        except OSError as error:
            raise StoreError(f"{source} cannot be read: {error.strerror}") from error

    @property
    def migrated(self) -> Migrated | None:
        """Return what opening the store changed of its tables."""
        return self._engine.migrated

    def close(self) -> None:
        """Close every connection."""
        self._engine.close()

    @property
    def is_ours_alone(self) -> bool:
        """Tell whether no other process had the store open when we opened it."""
        return self._engine.was_abandoned

    def check(self) -> tuple[str, ...]:
        """Return what is broken in the file, in SQLite's words; nothing is well."""
        with self._engine.reading() as session:
            connection = session.connection()
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA quick_check")]
            strays = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        broken = [line for line in found if line != "ok"]
        if strays:
            broken.append(f"{len(strays)} rows refer to rows that do not exist")
        return tuple(broken)

    def writable(self) -> bool:
        """Tell whether the store takes writes now: one reached the disk a moment ago, or does now."""
        if self._engine.wrote_lately:
            return True
        try:
            with self._engine.writing() as session:
                # A page is written, and nothing changed: this number means nothing to us.
                session.connection().exec_driver_sql("PRAGMA user_version = 0")
        except StoreError:
            return False
        return True

    # sources

    def sync_sources(self, specs: Sequence[SourceSpec], now: datetime) -> None:
        """Make the stored sources those of the desk; one that is gone keeps its entries."""
        with self._engine.writing() as session:
            schedule.sync(session, specs, now)

    def sources(self) -> tuple[Source, ...]:
        """Return the desk's sources, by name."""
        with self._engine.reading() as session:
            return schedule.listed(session)

    def source(self, name: str) -> Source | None:
        """Return one of the desk's sources."""
        return next((source for source in self.sources() if source.name == name), None)

    def due_sources(self, now: datetime, limit: int) -> tuple[tuple[str, str], ...]:
        """Return up to *limit* sources to be polled now, the longest overdue first.

        Each is given by its name and its address, or "" for one of our own networks.
        """
        with self._engine.reading() as session:
            return schedule.due(session, now, limit)

    def claim(
        self, name: str, now: datetime, lease: timedelta, *, due_only: bool = True
    ) -> Claim | None:
        """Return the right to poll a source until the lease ends.

        None where another has it, or where it is not due and *due_only* asks for that.
        """
        return self.claim_each([Wanted(source=name, now=now, due_only=due_only)], lease)[0]

    def claim_each(self, wanted: Sequence[Wanted], lease: timedelta) -> list[Claim | None]:
        """Return the right to poll each source that is *wanted*, or None, in one transaction."""
        with self._engine.writing() as session:
            return schedule.claim(session, wanted, lease)

    def renew(self, claim: Claim, until: datetime) -> bool:
        """Hold *claim* until then; False where it was lost meanwhile."""
        with self._engine.writing() as session:
            return schedule.renew(session, claim, until)

    def release(self, claim: Claim, *, now: datetime) -> None:
        """Give *claim* back; the source is due at *now*."""
        with self._engine.writing() as session:
            schedule.release(session, claim, now)

    def coverage(self, since: date) -> Mapping[str, tuple[Coverage, ...]]:
        """Return what came of each source's polls on each day since then, by name."""
        with self._engine.reading() as session:
            return schedule.coverage(session, since)

    # subscriptions to hubs

    def subscription(self, source: str) -> Subscription | None:
        """Return what was asked of the hub of *source*, if it names one."""
        with self._engine.reading() as session:
            return subscriptions.of_source(session, source)

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return what was asked of the hubs of the desk's sources."""
        with self._engine.reading() as session:
            return subscriptions.every(session)

    def subscription_at(self, callback: str) -> Subscription | None:
        """Return the subscription whose hub calls at *callback*."""
        with self._engine.reading() as session:
            return subscriptions.at(session, callback)

    def due_subscriptions(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Return up to *limit* sources whose hub is to be asked now."""
        with self._engine.reading() as session:
            return subscriptions.due(session, now, limit)

    def subscription_asked(self, source: str, error: str, retry_at: datetime) -> None:
        """Note that a hub was asked, and its refusal or ""; it is asked again at *retry_at*."""
        with self._engine.writing() as session:
            subscriptions.asked(session, source, error, retry_at)

    def subscription_confirmed(self, callback: str, now: datetime, lease: timedelta) -> None:
        """Note that a hub will push for so long."""
        with self._engine.writing() as session:
            subscriptions.confirmed(session, callback, now, lease)

    def subscription_denied(self, callback: str, reason: str, retry_at: datetime) -> None:
        """Note that a hub refuses; it is asked again at *retry_at*."""
        with self._engine.writing() as session:
            subscriptions.denied(session, callback, reason, retry_at)

    def pushed(self, callback: str, now: datetime) -> None:
        """Note that a hub pushed something."""
        with self._engine.writing() as session:
            subscriptions.pushed(session, callback, now)

    # our own hub

    def hub_asked(self, request: HubRequest) -> bool:
        """Note what was asked of our hub until it is confirmed; False where too much waits."""
        with self._engine.writing() as session:
            return hubs.ask(session, request)

    def due_hub_requests(self, now: datetime, limit: int) -> tuple[str, ...]:
        """Return the ids of up to *limit* requests that are to be confirmed now."""
        with self._engine.reading() as session:
            return hubs.due_requests(session, now, limit)

    def hub_request(self, identity: str) -> HubRequest | None:
        """Return the request with that id."""
        with self._engine.reading() as session:
            return hubs.request(session, identity)

    def hub_request_postponed(self, request: HubRequest, due: datetime) -> None:
        """Ask the callback of *request* again then."""
        with self._engine.writing() as session:
            hubs.postpone(session, request, due)

    def hub_request_refused(self, request: HubRequest) -> None:
        """Forget a request that its callback did not confirm."""
        with self._engine.writing() as session:
            hubs.refuse(session, request)

    def hub_request_confirmed(
        self, request: HubRequest, rules: Sequence[str], now: datetime
    ) -> None:
        """Carry out a request that its callback confirmed; its feed is that of *rules*."""
        with self._engine.writing() as session:
            hubs.confirm(session, request, rules, now)

    def hub_subscriber(self, identity: str) -> HubSubscriber | None:
        """Return a subscriber of our hub."""
        with self._engine.reading() as session:
            return hubs.subscriber(session, identity)

    def hub_subscribers(self) -> tuple[HubSubscriber, ...]:
        """Return all subscribers of our hub, by topic."""
        with self._engine.reading() as session:
            return hubs.subscribers(session)

    def sync_hubs(self, addresses: Sequence[str], topics: Mapping[str, Sequence[str]]) -> None:
        """Make the hubs of others that hear of changes of *topics* those at these *addresses*."""
        with self._engine.writing() as session:
            hubs.sync(session, addresses, topics)

    def owe_changes(
        self, topics: Mapping[str, Sequence[str]], now: datetime, *, is_open: bool
    ) -> tuple[str, ...]:
        """Owe each subscriber the feed that changed; return the endpoints that are owed something.

        *topics* are the rules of each feed that is published; *is_open* tells whether we
        have a hub of our own.
        """
        if not self.hub_subscribers():
            return ()
        with self._engine.writing() as session:
            return hubs.owe_changes(session, topics, now, is_open=is_open)

    # polls

    def known(self, source: str, keys: Sequence[str]) -> Mapping[str, Known]:
        """Return what is stored of the entries of *source* with these keys, by key."""
        return self.known_each([(source, keys)])[0]

    def known_each(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[Mapping[str, Known]]:
        """Return what `known` does for each source and its keys."""
        with self._engine.reading() as session:
            return [archive.known(session, source, keys) for source, keys in wanted]

    def alike(self, source: str, links: Sequence[str], digests: Sequence[str]) -> tuple[Known, ...]:
        """Return the stored entries of *source* with one of these links or digests of their text."""
        with self._engine.reading() as session:
            return archive.alike(session, source, links, digests)

    def present(self, ids: Sequence[str]) -> Mapping[str, Revision]:
        """Return the latest revisions of the entries with *ids*, by id."""
        with self._engine.reading() as session:
            return archive.present(session, ids)

    def commit(self, poll: Poll) -> Committed | None:
        """Store all that *poll* changed, or nothing; None where its claim was lost meanwhile.

        Entries, revisions, matches, deliveries owed, the source's health and its
        next poll are one transaction. A copy of an article in another outlet joins its
        story there.
        """
        return self.commit_each([poll])[0]

    def commit_each(self, polls: Sequence[Poll]) -> list[Committed | None]:
        """Commit *polls*, which came at the same time, in one transaction: all of them or none."""
        with self._engine.writing() as session:
            held = schedule.held(session, polls)
            sources = [held.pop(poll.token, None) for poll in polls]
            ours = [(source, poll) for source, poll in zip(sources, polls, strict=True) if source]
            written = commits.write(session, [poll for _, poll in ours]) if ours else []
            schedule.settle(
                session,
                [(*pair, one.new) for pair, one in zip(ours, written, strict=True)],
            )
            found = iter(written)
            return [next(found) if source else None for source in sources]

    # what happened to the desk itself

    def note(self, event: Event) -> None:
        """Store what the health feed is to tell, unless the last word on its subject was the same."""
        with self._engine.writing() as session:
            events.note(session, event)

    def events(self, limit: int) -> tuple[Event, ...]:
        """Return the latest events, newest first."""
        with self._engine.reading() as session:
            return events.latest(session, limit)

    # rules and matches

    def sync_rules(
        self,
        rules: Mapping[str, tuple[str, str]],
        formerly: Mapping[str, Sequence[str]] = _NO_NAMES,
    ) -> tuple[str, ...]:
        """Make the stored rules those of the desk: id -> (version, title).

        Return the ids whose present version was not asked about the stored
        entries so far. A rule that is gone keeps its matches, until one that has
        none names it among those that it was *formerly*, and takes them over.
        """
        with self._engine.writing() as session:
            return archive.sync_rules(session, rules, formerly)

    def origins(self) -> Mapping[str, str]:
        """Return what the ids of matches are derived from, for rules whose name is another now."""
        with self._engine.reading() as session:
            return renaming.origins(session)

    def mark_judged(self, versions: Mapping[str, str]) -> None:
        """Record that these rules, id -> version, were asked about the stored entries."""
        with self._engine.writing() as session:
            archive.mark_judged(session, versions)

    def hide_rules(self, private: Collection[str]) -> frozenset[str]:
        """Note which of the desk's rules are *private*; return those, and those retired that were."""
        with self._engine.writing() as session:
            return archive.hide(session, private)

    def retired_rules(self) -> frozenset[str]:
        """Return the ids of the rules that the desk had once."""
        with self._engine.reading() as session:
            return archive.retired_rules(session)

    def published(self, rules: Sequence[str], limit: int) -> tuple[Published, ...]:
        """Return the matches of *rules* that changed last, newest first."""
        with self._engine.reading() as session:
            return windows.published(session, rules, limit)

    def publication(self, match: str) -> Published | None:
        """Return the match with the id *match*."""
        with self._engine.reading() as session:
            return archive.publication(session, match)

    def matches_of(self, entry: str) -> tuple[Published, ...]:
        """Return the matches on the entry with the id *entry*, by rule."""
        with self._engine.reading() as session:
            return archive.matches_of(session, entry)

    def latest(self, rules: Sequence[str], limit: int) -> Span:
        """Return the matches of *rules* that changed last, newest first, and what they leave out."""
        with self._engine.reading() as session:
            return windows.latest(session, rules, limit)

    def span(self, rules: Sequence[str], since: datetime, until: datetime, limit: int) -> Span:
        """Return the last *limit* matches of *rules* found from *since* on and before *until*."""
        with self._engine.reading() as session:
            return windows.span(session, rules, since, until, limit)

    def revisions(self, entry: str, limit: int) -> tuple[Revision, ...]:
        """Return the latest revisions of the entry with the id *entry*, newest first."""
        with self._engine.reading() as session:
            return archive.revisions(session, entry, limit)

    def headlines(
        self, rules: Sequence[str], since: datetime, until: datetime, limit: int
    ) -> tuple[Headline, ...]:
        """Return the last *limit* matches of *rules* found within that time, in a line each."""
        with self._engine.reading() as session:
            return windows.headlines(session, rules, since, until, limit)

    def first_match(self, rules: Sequence[str]) -> datetime | None:
        """Return when the first match of *rules* was found."""
        with self._engine.reading() as session:
            return windows.first_match(session, rules)

    def feed_version(self, rules: Sequence[str]) -> int:
        """Return a number that grows with every change of what a feed of *rules* shows."""
        with self._engine.reading() as session:
            return windows.feed_version(session, rules)

    def site_version(self) -> object:
        """Return a value that changes with what any feed shows, the desk's own among them."""
        with self._engine.reading() as session:
            return windows.site_version(session)

    @property
    def commits(self) -> int:
        """Return how many transactions were committed through this store by this process."""
        return self._engine.commits

    def match_counts(self) -> Mapping[str, tuple[int, datetime | None]]:
        """Return how often each rule matched, and when it did last."""
        with self._engine.reading() as session:
            return archive.match_counts(session)

    def entries(self, since: datetime, after: str = "", limit: int = 500) -> tuple[Stored, ...]:
        """Return a page of the entries published since then, by id; the next begins *after* the last id.

        One that says no date came out when it was seen.
        """
        with self._engine.reading() as session:
            return archive.entries(session, since, after, limit)

    def count_entries(self, since: datetime) -> int:
        """Return how many entries were published since then, or seen where they say no date."""
        with self._engine.reading() as session:
            return archive.count_entries(session, since)

    def count_matches(self, since: datetime) -> int:
        """Return how many matches were found since then."""
        with self._engine.reading() as session:
            return archive.count_matches(session, since)

    def add_matches(
        self, found: Sequence[Judged], now: datetime, stories: StoryTerms = _NEAR_COPIES_APART
    ) -> int:
        """Store matches on stored entries, owing nothing; return how many are new, and no copies."""
        with self._engine.writing() as session:
            return commits.add(session, found, stories, now)

    # private feeds

    def add_token(self, feed: str, label: str, sha256: str, now: datetime) -> FeedToken:
        """Store a token of the private feed *feed* by its hash."""
        with self._engine.writing() as session:
            return tokens.add(session, feed, label, sha256, now)

    def tokens(self) -> tuple[FeedToken, ...]:
        """Return the tokens of all private feeds, by feed and age."""
        with self._engine.reading() as session:
            return tokens.every(session)

    def feed_of_token(self, sha256: str) -> str | None:
        """Return the name of the feed that the token with this hash opens."""
        with self._engine.reading() as session:
            return tokens.feed_of(session, sha256)

    def revoke_token(self, identity: str) -> FeedToken | None:
        """Forget a token; return it, or None where there is no such one."""
        with self._engine.writing() as session:
            return tokens.revoke(session, identity)

    # endpoints and deliveries

    def sync_endpoints(self, names: Sequence[str], now: datetime) -> None:
        """Make the stored endpoints those of the desk; what one is owed that is gone is held."""
        with self._engine.writing() as session:
            receivers.sync(session, names, now)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the desk's endpoints with what they are owed, by name."""
        with self._engine.reading() as session:
            return receivers.listed(session)

    def backlog(self, now: datetime) -> Backlog:
        """Return what is owed to all endpoints, and how many claims of any kind are stalled."""
        with self._engine.reading() as session:
            return outbox.backlog(session, now)

    def due_endpoints(self, now: datetime) -> tuple[str, ...]:
        """Return the names of the endpoints that something can be sent to now."""
        with self._engine.reading() as session:
            return receivers.due(session, now)

    def owe(self, owed: Sequence[Owed], now: datetime) -> tuple[Delivery, ...]:
        """Store deliveries that no poll brought about, and return them; one that is there stays."""
        with self._engine.writing() as session:
            return outbox.owe(session, owed, {}, now)

    def claim_deliveries(
        self,
        endpoint: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        *,
        holding: Holding = AT_WILL,
        render: bundles.Render | None = None,
    ) -> tuple[Delivery, ...]:
        """Return up to *limit* deliveries that the caller alone may send until the lease ends.

        In the same transaction, *holding* and silences decide what waits, and what
        waited long enough is made into digests, which *render* writes; without it,
        nothing waits.
        """
        with self._engine.writing() as session:
            return outbox.claim(
                session, endpoint, now, lease, limit, holding=holding, render=render
            )

    def expect_digests(self, digests: Mapping[str, datetime]) -> None:
        """Note when digests are due that come without news too; other endpoints have none."""
        with self._engine.writing() as session:
            bundles.expect(session, digests)

    def silence(
        self, endpoint: str, rule: str, reason: str, now: datetime, until: datetime
    ) -> Silence | None:
        """Silence an endpoint, or one rule for it, until then; None for no such endpoint."""
        with self._engine.writing() as session:
            return bundles.silence(session, endpoint, rule, reason, now, until)

    def silences(self) -> tuple[Silence, ...]:
        """Return every silence, the latest first."""
        with self._engine.reading() as session:
            return bundles.silences(session)

    def end_silence(self, identity: str, now: datetime) -> Silence | None:
        """End a silence, and sum up what it held back; None for no such one."""
        with self._engine.writing() as session:
            return bundles.end_silence(session, identity, now)

    def release_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Give up the claims on *deliveries*; they are as due as before."""
        with self._engine.writing() as session:
            outbox.release(session, deliveries)

    def settle(
        self, tries: Sequence[Tried], tell: outbox.Tell = lambda *_: ()
    ) -> tuple[Settled, ...]:
        """Record tries and what becomes of their deliveries, in one transaction.

        "gone", or five days of failures, disables the endpoint: what it is owed is
        held, the health feed and the deliveries that *tell* returns say so, and
        nothing is lost.
        """
        with self._engine.writing() as session:
            return outbox.settle(session, tries, tell)

    def forget(self, before: datetime, pushed_before: datetime, limit: int) -> int:
        """Forget up to *limit* deliveries that are over and older; return how many.

        What was pushed to subscribers of feeds is forgotten before *pushed_before*.
        Nothing that is still owed is, nor entries and matches.
        """
        with self._engine.writing() as session:
            return forgetting.forget(session, before, pushed_before, limit)

    def mend_clock(self, now: datetime, longest: timedelta) -> None:
        """Make sense of instants that a clock which was ahead has left."""
        with self._engine.writing() as session:
            schedule.mend(session, now)
            outbox.mend(session, now, longest)
            receivers.mend(session, now, longest)

    def enable_endpoint(self, name: str, now: datetime) -> int | None:
        """Enable an endpoint; return how many held deliveries are due now, None for no such one."""
        with self._engine.writing() as session:
            return receivers.enable(session, name, now)

    def deliveries(
        self,
        *,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
        since: datetime | None = None,
        of_desk: bool = False,
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Return the latest deliveries, newest first, without their tries.

        *of_desk* leaves out those to endpoints that parts of us enlisted.
        """
        with self._engine.reading() as session:
            return outbox.deliveries(session, endpoint, state, since, limit, of_desk=of_desk)

    def delivery(self, identity: str) -> Delivery | None:
        """Return a delivery with every try."""
        with self._engine.reading() as session:
            return outbox.delivery(session, identity)

    def redeliver(self, identity: str, now: datetime) -> Delivery | None:
        """Make a delivery due again with the id and the bytes that it had; None for no such one."""
        with self._engine.writing() as session:
            return outbox.redeliver(session, identity, now)

    def replay(
        self,
        since: datetime,
        now: datetime,
        *,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
    ) -> int:
        """Make all deliveries since then due again, as redeliver does; return how many."""
        with self._engine.writing() as session:
            return outbox.replay(session, since, endpoint, state, now)
