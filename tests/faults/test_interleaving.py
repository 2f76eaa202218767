"""Polls, edits, deliveries, deaths, clocks, rules changed and renamed: nothing lost or doubled."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from datetime import timedelta
from functools import cache
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from rules import RuleSet
from store.database import Database
from tests.builders import BASE, a_rule, a_source, an_entry
from tests.posting import Office, Posted, a_spec, dead
from watcher.decide import Desk, decide

NAMES = ("newsroom", "union")
SPECS = {name: a_spec(name, rate=1000) for name in NAMES}
FAR = timedelta(hours=30)
CALLED = ("law-32108", "law", "the-law")


EXAMPLES = int(os.environ.get("INTERLEAVINGS", "50"))
"""How many interleavings are tried; a night has time for 20,000."""


@cache
def an_empty_store() -> bytes:
    """Return the file of a store without anything in it; making one takes its time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tocsin.db"
        Database.open(f"sqlite:///{path}").close()
        return path.read_bytes()


class DiedError(BaseException):
    """The process ends in the middle of a request."""


class Interleaving(RuleBasedStateMachine):
    """A source, a desk and two receivers, to whom anything happens in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.shown: dict[str, int] = {}
        self.taken: dict[str, set[bytes]] = defaultdict(set)
        self.answers: list[int] = []
        self.version = 1
        self.name = CALLED[0]
        self.office = self.opened()
        self.start()

    def opened(self) -> Office:
        path = Path(self.folder.name) / "tocsin.db"
        if not path.exists():
            path.write_bytes(an_empty_store())
        database = Database.open(f"sqlite:///{path}")
        office = Office(database, SPECS)
        office.internet.receivers = dict.fromkeys(NAMES, self.receive)
        return office

    def receive(self, posted: Posted) -> int:
        status = self.answers.pop() if self.answers else 204
        if status in {0, 204}:
            self.taken[posted.id].add(posted.body)
        if status == 0:
            raise DiedError
        return dead(posted) if status == 1 else status

    def start(self) -> None:
        self.office.database.sync_sources([a_source(alert_since="always")], self.office.now)
        self.office.database.mend_clock(self.office.now, FAR)
        self.desk()

    def desk(self) -> Desk:
        """Return the desk, whose rule has another version after each edit."""
        query = f"law:32108 OR extra{self.version}"
        asks = a_rule(self.name, query, formerly=CALLED, notify=NAMES)
        database = self.office.database
        database.sync_rules({asks.id: (asks.version, asks.title)}, {asks.id: asks.formerly})
        return Desk(
            rules=RuleSet([asks]), endpoints=SPECS, base_url=BASE, origins=database.origins()
        )

    @rule(changed=st.text("abcdef", max_size=3), dies=st.sampled_from([False, False, True]))
    def articles_appear_or_are_edited_and_the_source_is_polled(
        self, changed: str, dies: bool
    ) -> None:
        for key in changed:
            self.shown[key] = self.shown.get(key, 0) + 1
        database, now = self.office.database, self.office.now
        claim = database.claim("green-left", now, timedelta(minutes=1), due_only=False)
        if claim is None:
            return
        entries = [an_entry(key, title=f"{key} {state}") for key, state in self.shown.items()]
        known = database.known("green-left", list(self.shown))
        poll = decide(claim, entries, known, self.desk(), now=now, next_poll_at=now)
        if not dies:
            database.commit(poll)

    @rule(
        answers=st.lists(st.sampled_from([500, 503, 1, 204, 0]), max_size=8),
        later=st.sampled_from([0, 10, 600, 1500, -60]),
    )
    def what_is_due_is_sent_later_or_by_a_clock_that_went_back(
        self, answers: list[int], later: int
    ) -> None:
        self.office.pass_time(minutes=later)
        self.office.database.mend_clock(self.office.now, FAR)
        self.answers = list(answers)
        try:
            self.office.drain()
        except* DiedError:
            self.the_desk_dies()
        self.answers = []

    @rule()
    def the_desk_dies(self) -> None:
        now = self.office.now
        self.office.database.close()
        self.office = self.opened()
        self.office.now = now
        self.start()

    @rule()
    def the_rule_is_edited(self) -> None:
        self.version += 1

    @rule(name=st.sampled_from(CALLED))
    def the_rule_is_renamed(self, name: str) -> None:
        self.name = name
        self.desk()

    @precondition(lambda self: any(one.disabled for one in self.office.database.endpoints()))
    @rule()
    def endpoints_are_enabled(self) -> None:
        for name in NAMES:
            self.office.database.enable_endpoint(name, self.office.now)

    @invariant()
    def each_article_is_in_the_feed_once_and_an_id_has_one_body(self) -> None:
        found = [one.entry.key for one in self.office.database.published(CALLED, 100)]
        assert len(found) == len(set(found))
        assert set(found) <= self.shown.keys()
        assert all(len(bodies) == 1 for bodies in self.taken.values())

    def teardown(self) -> None:
        """In the end all is well again: each article is in the feed, and arrived at both."""
        try:
            self.the_desk_dies()
            self.articles_appear_or_are_edited_and_the_source_is_polled("", dies=False)
            for _ in range(12):
                for name in NAMES:
                    self.office.database.enable_endpoint(name, self.office.now)
                self.office.drain()
                self.office.pass_time(hours=27)
            deliveries = self.office.database.deliveries(limit=1000)
            assert {one.state for one in deliveries} <= {"delivered"}
            assert {one.id for one in deliveries} == self.taken.keys()
            assert len(deliveries) == len(NAMES) * len(self.shown)
            published = self.office.database.published([self.name], 100)
            assert {one.entry.key for one in published} == self.shown.keys()
            assert self.office.database.check() == ()
        finally:
            self.office.database.close()
            self.folder.cleanup()


TestInterleaving = Interleaving.TestCase
TestInterleaving.settings = settings(max_examples=EXAMPLES, stateful_step_count=20, deadline=None)
