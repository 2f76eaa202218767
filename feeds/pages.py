"""Writes the web pages with Jinja2: its only room. Links are relative, so that any base address fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise, starmap
from typing import Any, get_args
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from feeds.bulletin import advice, headline
from feeds.catalogue import HEALTH, Catalogue
from feeds.clean import language, one_line, plain, shortened, web_link
from feeds.difference import Change, difference
from feeds.health import Health
from feeds.highlight import excerpts_of, segments, texts_of
from rules import Because, Problem
from store import (
    Coverage,
    Delivery,
    DeliveryState,
    Endpoint,
    Event,
    Feed,
    Headline,
    Published,
    Revision,
    Source,
    event_id,
)
from store.condition import conditions, is_polled

FORMATS = (
    ("atom", "Atom", "application/atom+xml"),
    ("rss", "RSS", "application/rss+xml"),
    ("json", "JSON", "application/feed+json"),
)
"""Every format of a feed: its ending, its name, its media type."""

_EXCERPTS = 3
_CHANGES = 50
_LONGEST_HEADING = 300
REVISIONS = 11
"""So many of the latest states of an article are compared on its page."""

DAYS = 14
LAST_DAYS = 30
MOST_LINES = 2000
"""A timeline shows the last days, or a month, and so many matches at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A feed on the home page: how much it holds, and what it found last."""

    feed: Feed
    count: int
    latest: tuple[Published, ...]


def counted(feed: Feed, counts: Mapping[str, tuple[int, object]]) -> int:
    """Return how many matches the rules of *feed* have, by the store's *counts* of each rule."""
    return sum(counts[rule][0] for rule in feed.rules if rule in counts)


class Pages:
    """The pages of one catalogue. *static* pages link to files, served ones to addresses."""

    def __init__(self, catalogue: Catalogue, *, static: bool = False) -> None:
        self._catalogue = catalogue
        self._ending = "/index.html" if static else ""
        self._static = static

    def home(self, topics: Sequence[Topic]) -> str:
        """Return the page that shows every topic and its feeds."""
        return self._page("home.html", "", topics=topics)

    def topic(self, feed: Feed, matches: Sequence[Published], count: int) -> str:
        """Return the page of one feed with its latest *matches* of *count*."""
        rules = [
            self._catalogue.rules[rule] for rule in feed.rules if rule in self._catalogue.rules
        ]
        path = f"topics/{feed.name}"
        return self._page("topic.html", path, feed=feed, matches=matches, count=count, rules=rules)

    def match(
        self, match: Published, on_entry: Sequence[Published], revisions: Sequence[Revision]
    ) -> str:
        """Return the page of one match: the article, with every place that matched marked.

        *on_entry* are the matches of all rules on the same article, *revisions*
        the latest states of its text, newest first.
        """
        others = [one for one in on_entry if one.id != match.id and self._catalogue.shows(one.rule)]
        fields = [
            (name, segments(text, () if match.lost else _within(match, name)))
            for name, text in texts_of(match.entry).items()
            if text
        ]
        path = f"matches/{match.id}"
        return self._page(
            "match.html",
            path,
            match=match,
            fields=fields,
            others=others,
            edits=[edit for edit in starmap(_edit, pairwise(revisions)) if edit[1]],
        )

    def sources(
        self,
        sources: Sequence[Source],
        covered: Mapping[str, Sequence[Coverage]],
        pushed: Collection[str],
        now: datetime,
    ) -> str:
        """Return the page that shows each source and its health, those in trouble first.

        *covered* are the days of each, by name, and *pushed* those whose hub pushes.
        """
        rows = conditions(sources, now)
        rows.sort(key=lambda row: (not row[0].spec.enabled, not row[1].troubled, row[0].name))
        days = [(now - timedelta(days=ago)).date() for ago in reversed(range(DAYS))]
        by_day = {name: {one.day: one for one in ones} for name, ones in covered.items()}
        return self._page(
            "sources.html", "sources", rows=rows, days=days, covered=by_day, pushed=pushed
        )

    def deliveries(
        self,
        deliveries: Sequence[Delivery],
        endpoints: Sequence[Endpoint],
        *,
        endpoint: str = "",
        state: str = "",
        more: bool = False,
    ) -> str:
        """Return the page that shows what was sent and what is owed, of one endpoint or state or of all.

        *more* tells that there are older ones. Payloads and answers are not shown, and
        only matches that this catalogue shows are linked to.
        """
        return self._page(
            "deliveries.html",
            "deliveries",
            deliveries=deliveries,
            endpoints=endpoints,
            endpoint=endpoint,
            state=state,
            by_endpoint=[
                (name, _query(endpoint=name, state=state))
                for name in ("", *(one.name for one in endpoints))
            ],
            by_state=[
                (one, _query(endpoint=endpoint, state=one))
                for one in ("", *get_args(DeliveryState))
            ],
            more=more,
            matches={one.id for one in deliveries if one.match and not self._catalogue.hidden},
        )

    def health(
        self,
        health: Health | None,
        sources: Sequence[Source],
        endpoints: Sequence[Endpoint],
        events: Sequence[Event],
        now: datetime,
    ) -> str:
        """Return the page that shows whether the desk is well; a static one knows no *health*."""
        found = conditions(sources, now)
        states = Counter(state.state for _, state in found).most_common()
        troubled = [row for row in found if row[1].troubled]
        return self._page(
            "health.html",
            HEALTH,
            health=health,
            states=states,
            troubled=troubled,
            endpoints=endpoints,
            events=events,
        )

    def rules(self, counts: Mapping[str, tuple[int, datetime | None]]) -> str:
        """Return the page that shows each rule: what it asks, its examples, what it found."""
        catalogue = self._catalogue
        wrong: dict[str, list[Problem]] = {}
        for problem in () if catalogue.private else catalogue.problems:
            wrong.setdefault(problem.file, []).append(problem)
        return self._page(
            "rules.html", "rules", rules=catalogue.rules.values(), counts=counts, wrong=wrong
        )

    def timeline(
        self, lines: Sequence[Headline], months: Sequence[datetime], month: datetime | None = None
    ) -> str:
        """Return the page that shows what was found by day and topic, of the last days or a *month*."""
        days: dict[date, dict[str, list[Headline]]] = {}
        for line in lines:
            day = days.setdefault(line.matched_at.astimezone(UTC).date(), {})
            day.setdefault(line.rule, []).append(line)
        path = f"timeline/{month:%Y-%m}" if month else "timeline"
        return self._page(
            "timeline.html",
            path,
            days=days,
            months=months,
            month=month,
            is_cut=len(lines) >= MOST_LINES,
        )

    def docs(self, described: Mapping[str, Any]) -> str:
        """Return the page that shows the API to people, as OpenAPI *described* it."""
        return self._page("docs.html", "docs", described=described)

    def moved(self, old: str, feed: Feed) -> str:
        """Return the page that leads from where *feed* stood when it was called *old*."""
        return self._page("moved.html", f"topics/{old}", feed=feed)

    def absent(self, title: str, text: str) -> str:
        """Return the page that says that something is not here, wherever that was."""
        root = urlsplit(self._catalogue.base).path
        return self._page("absent.html", "absent", root=root, title=title, text=text)

    def _page(self, template: str, path: str, root: str | None = None, **values: Any) -> str:
        if root is None:
            depth = path.count("/") + (1 if path and self._static else 0)
            root = "/".join([".."] * depth) or "."

        def page(to: str) -> str:
            return f"{root}/{to}{self._ending}" if to else f"{root}/{self._ending.lstrip('/')}"

        return (
            _templates()
            .get_template(template)
            .render(
                site=self._catalogue.site,
                catalogue=self._catalogue,
                root=root,
                page=page,
                formats=FORMATS,
                static=self._static,
                **values,
            )
        )


def _query(**values: str) -> str:
    given = {name: value for name, value in values.items() if value}
    return f"?{urlencode(given)}" if given else ""


def first_day(now: datetime) -> date:
    """Return the first of the days that the page of the sources shows."""
    return (now - timedelta(days=DAYS - 1)).date()


def _edit(new: Revision, old: Revision) -> tuple[datetime, tuple[Change, ...]]:
    """Return when *old* was edited to *new*, and what was."""
    return new.at, difference(texts_of(old), texts_of(new))[:_CHANGES]


def _within(match: Published, field: str) -> list[Because]:
    return [place for place in match.because if place.field == field]


def _heading(title: str) -> str:
    return shortened(one_line(title), _LONGEST_HEADING) or "(untitled)"


def _moment(instant: datetime | None) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if instant else ""


@lru_cache(maxsize=1)
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("feeds"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "line": one_line,
        "heading": _heading,
        "plain": plain,
        "link": web_link,
        "lang": language,
        "moment": _moment,
        "iso": lambda instant: instant.isoformat(),
        "is_polled": is_polled,
        "event_id": event_id,
        "headline": headline,
        "advice": advice,
        "excerpts": lambda match: excerpts_of(match, _EXCERPTS),
    }
    return environment


def stylesheet(name: str) -> bytes:
    """Return a style sheet: `site.css` of the pages, `feed.css` of feeds in a browser."""
    return (files("feeds") / "static" / name).read_bytes()
