"""What a poll leaves a source as, and what is to be said of it then. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from store.nouns import Poll, Seen, Source, same_address

State = Literal[
    "off",
    "gone",
    "failing",
    "empty",
    "silent",
    "overrun",
    "moved",
    "slow",
    "inbox",
    "new",
    "duplicate",
    "well",
]

EMPTY_AFTER = 2
"""From so many polls in a row on, an empty feed that once had entries is in trouble."""

SHORTEST_SILENCE = timedelta(days=3)
SILENT_AFTER = 4
"""A source is silent after so many times its rhythm."""

_FADING = 0.98
"""What remains of an earlier rhythm with each piece of news: a long pause is not forgotten soon."""

OVERRUN_SHOWN = timedelta(days=2)
SLOW = timedelta(seconds=10)
MOVED_POLLS = 3
MOVED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Condition:
    """A source's state in a word, and in words for a person; *troubled* wants a look.

    *same_as* are the sources that are read at its address, where it stands beside others.
    """

    state: State
    words: str
    troubled: bool = False
    same_as: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the state with its reason."""
        return f"{self.state}: {self.words}" if self.words else self.state


def conditions(sources: Sequence[Source], now: datetime) -> list[tuple[Source, Condition]]:
    """Return each of *sources* with what is to be said of it, beside the others."""
    same = same_feeds((source, read_at(source, now)) for source in sources)
    return [
        (source, _beside(condition(source, now), same.get(source.name, ()))) for source in sources
    ]


def _beside(found: Condition, others: tuple[str, ...]) -> Condition:
    if not others or found.state == "failing":
        return replace(found, same_as=others)
    if found.state == "well":
        return Condition("duplicate", same_as(others), same_as=others)
    words = "; ".join(filter(None, (found.words, same_as(others))))
    return replace(found, words=words, same_as=others)


def same_as(others: Sequence[str]) -> str:
    """Return in words that a source is read at the same address as *others*."""
    return f"the same feed as {', '.join(others)}: one of them is enough"


def same_feeds(read: Iterable[tuple[Source, str]]) -> Mapping[str, tuple[str, ...]]:
    """Return the other names of each feed that several sources have, by the name of each.

    *read* gives the address at which each is read. Scheme, `www.` and last slash of
    an address do not count; of a page, the same links must be looked for.
    """
    alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for source, address in read:
        if is_polled(source):
            spec = source.spec
            alike[spec.kind, spec.links, same_address(address)].append(source.name)
    return {
        name: tuple(other for other in names if other != name)
        for names in alike.values()
        if len(names) > 1
        for name in names
    }


def condition(source: Source, now: datetime) -> Condition:
    """Return what is to be said of *source* alone, the worst first."""
    if not source.spec.enabled:
        return Condition("off", "")
    if source.gone:
        return Condition("gone", source.error, troubled=True)
    if source.error:
        times = f" ({source.failures} times in a row)" if source.failures > 1 else ""
        return Condition("failing", f"{source.error}{times}", troubled=True)
    if source.spec.kind == "inbox":
        return Condition("inbox", "takes what is handed in")
    if source.polled_at is None:
        return Condition("new", "")
    return _of_read(source, now)


def after(source: Source, poll: Poll) -> Source:
    """Return *source* as *poll* leaves it; what was pushed tells nothing of how it can be read."""
    rhythm = _rhythm(source, poll)
    news = [one.entry for one in poll.judged if not one.known]
    if news:
        dates = [entry.dated for entry in news if entry.dated]
        first = max(dates, default=poll.at)
        source = replace(source, newest_at=poll.at if source.newest_at else first)
    if poll.pushed:
        return source
    source = replace(
        source,
        next_poll_at=poll.next_poll_at,
        polled_at=poll.at,
        succeeded_at=poll.at if poll.judged or not poll.error else source.succeeded_at,
        error=poll.error,
        failures=source.failures + 1 if poll.error else 0,
        gone=poll.gone,
        took=source.took if poll.took is None else poll.took,
        validators=poll.validators or source.validators,
    )
    if poll.error:
        # Where a permanent redirect leads to nothing, the desk's own address is asked again.
        return replace(source, moved=None)
    if poll.seen is None:
        return source
    return replace(_after_seen(source, poll.seen, poll.at), rhythm=rhythm)


def _rhythm(source: Source, poll: Poll) -> timedelta | None:
    """Return the longest gap between entries that is usual for *source*.

    It is that between those that it shows, or a longer one that was seen earlier:
    a source that writes in bursts may show the last of them alone.
    """
    seen = poll.seen
    if seen is None or seen.rhythm is None or not seen.read:
        return source.rhythm
    news = [one.entry.dated or poll.at for one in poll.judged if not one.known]
    before = source.rhythm or timedelta()
    if not news:
        return max(seen.rhythm, before)
    paused = min(*news, poll.at) - source.newest_at if source.newest_at else timedelta()
    return max(seen.rhythm, paused, before * _FADING)


def _after_seen(source: Source, seen: Seen, at: datetime) -> Source:
    source = replace(
        source,
        moved=seen.moved,
        distrusted=source.distrusted or seen.distrusted,
        asked_whole_at=at if seen.whole else source.asked_whole_at,
    )
    if not seen.read:
        return source
    return replace(
        source,
        wishes=seen.wishes,
        empty_polls=source.empty_polls + 1 if seen.empty else 0,
        overrun_at=at if seen.overrun else source.overrun_at,
        gap=seen.gap or source.gap,
    )


def _of_read(source: Source, now: datetime) -> Condition:
    if source.empty_polls >= EMPTY_AFTER and source.entries:
        times = source.empty_polls
        return Condition(
            "empty", f"it showed nothing {times} times in a row; look at it", troubled=True
        )
    if source.overrun_at and now - source.overrun_at < OVERRUN_SHOWN:
        words = "everything it showed was new: articles may have been missed; set a shorter `every`"
        return Condition("overrun", words, troubled=True)
    if (quiet := silence(source, now)) is not None:
        words = f"nothing new for {quiet.days} days, against its own rhythm; look at it"
        return Condition("silent", words, troubled=True)
    if moved_address(source, now):
        words = f"read at {moved_address(source, now)}, where it leads for good; note that address"
        return Condition("moved", words)
    if source.took and source.took >= SLOW:
        return Condition("slow", f"its last answer took {source.took.total_seconds():.0f} s")
    return Condition("well", "" if source.entries else "it has shown nothing so far")


def silence(source: Source, now: datetime) -> timedelta | None:
    """Return for how long the source has brought nothing, if that is longer than its rhythm allows."""
    if source.newest_at is None or source.rhythm is None:
        return None
    quiet = now - source.newest_at
    return quiet if quiet > max(SILENT_AFTER * source.rhythm, SHORTEST_SILENCE) else None


def moved_address(source: Source, now: datetime) -> str:
    """Return the address that a source's own led to permanently, long enough to be believed; or ""."""
    moved = source.moved
    if moved is None or moved.polls < MOVED_POLLS or now - moved.since < MOVED_FOR:
        return ""
    return moved.address


def read_at(source: Source, now: datetime) -> str:
    """Return the address at which *source* is read."""
    return moved_address(source, now) or source.spec.address


def is_polled(source: Source) -> bool:
    """Tell whether the source is read at times."""
    return source.spec.enabled and not source.gone and source.spec.kind != "inbox"
