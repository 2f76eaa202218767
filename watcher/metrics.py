"""What a running desk counts, in the words of Prometheus: its client's only room.

What happens is counted as it happens; what stands in the store is read when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from feeds.outgoing import OutgoingError
from feeds.sending import Answer, Sender
from store import Committed, Delivery, EndpointSpec, Poll
from store.database import Database
from watcher.desk import DeskState

_POLLS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ALERTS = (0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 60, 600, 3600, 86400)

disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The counts of one run of a desk.

    *desk* gives the desk as it is, *silence* how long ago the engine beat, and
    *killed* how many documents were given up so far.
    """

    def __init__(
        self,
        database: Database,
        desk: Callable[[], DeskState],
        clock: Callable[[], datetime],
        silence: Callable[[], timedelta],
        killed: Callable[[], int],
    ) -> None:
        self._clock = clock
        registry = self._registry = CollectorRegistry()
        self._registry.register(_Standing(database, desk, clock, silence, killed))
        self._polls = Counter(
            "poll", "Looks at sources, and what was pushed", ["result"], registry=registry
        )
        self._poll_seconds = Histogram(
            "poll_seconds", "From a poll's claim to its commit", buckets=_POLLS, registry=registry
        )
        self._new = Counter("items_new", "Entries that were new", registry=registry)
        self._deliveries = Counter("delivery", "Tries of deliveries", ["result"], registry=registry)
        self._alerts = Histogram(
            "match_to_delivery_seconds",
            "From a match's commit to its arrival at an endpoint",
            buckets=_ALERTS,
            registry=registry,
        )

    def told(self) -> bytes:
        """Return all counts in Prometheus' text format."""
        return generate_latest(self._registry)

    def polled(self, poll: Poll, committed: Committed) -> None:
        """Count a poll that was committed just now."""
        self._new.inc(committed.new)
        if poll.pushed:
            self._polls.labels("pushed").inc()
            return
        is_news = committed.new or committed.revised
        self._polls.labels("failed" if poll.error else "news" if is_news else "unchanged").inc()
        self._poll_seconds.observe((self._clock() - poll.at).total_seconds())

    def counted(self, sender: Sender) -> Sender:
        """Return *sender*, with its tries counted."""

        async def sending(endpoint: EndpointSpec, delivery: Delivery, now: datetime) -> Answer:
            try:
                answer = await sender(endpoint, delivery, now)
            except OutgoingError:
                self._deliveries.labels("unanswered").inc()
                raise
            self._deliveries.labels(answer.verdict).inc()
            if answer.verdict == "taken" and delivery.match:
                waited = self._clock() - delivery.created_at
                self._alerts.observe(waited.total_seconds())
            return answer

        return sending


@dataclass(frozen=True, eq=False)
class _Standing(Collector):
    """What stands in the store and in the desk at the moment when somebody asks."""

    database: Database
    desk: Callable[[], DeskState]
    clock: Callable[[], datetime]
    silence: Callable[[], timedelta]
    killed: Callable[[], int]

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the store is not asked when this is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        now, desk = self.clock(), self.desk()
        backlog = self.database.backlog(now)
        yield self._sources()
        yield self._matches(desk)
        yield _by("delivery_backlog", "Deliveries that are owed", "state", backlog.states.items())
        waited = (now - backlog.oldest).total_seconds() if backlog.oldest else 0
        yield _gauge("delivery_oldest_due_seconds", "How late the latest delivery is", waited)
        disabled = [(one.name, bool(one.disabled)) for one in self.database.endpoints()]
        yield _by("endpoint_disabled", "1 where nothing is sent", "endpoint", disabled)
        is_well = not desk.catalogue.problems
        yield _gauge("rules_load_ok", "0 where an edit of the desk is refused", is_well)
        yield _gauge("tick_age_seconds", "Since the last beat", self.silence().total_seconds())
        yield _gauge("engine_stalled_jobs", "Claims whose lease has run out", backlog.stalled)
        killed = CounterMetricFamily("parse_killed", "Documents that were given up")
        killed.add_metric([], self.killed())
        yield killed

    def _sources(self) -> Metric:
        read = [
            (one.name, one.succeeded_at.timestamp())
            for one in self.database.sources()
            if one.succeeded_at and one.spec.enabled
        ]
        return _by("source_last_success_timestamp", "When a source was read last", "source", read)

    def _matches(self, desk: DeskState) -> Metric:
        found = CounterMetricFamily("match", "Matches that everybody may see", labels=["rule"])
        counts = self.database.match_counts()
        for rule in desk.catalogue.rules:
            found.add_metric([rule], counts[rule][0] if rule in counts else 0)
        return found


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _by(name: str, words: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values:
        family.add_metric([key], float(value))
    return family
