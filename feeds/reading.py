"""The door for programs that read: what is published, as JSON, under `/api/v1`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel

from feeds.address import Part
from feeds.catalogue import Catalogue
from feeds.pages import counted
from feeds.shelf import RENDERERS
from rules import Rule
from store import Feed, Published
from store.database import Database

MOST = 100
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FeedOut(BaseModel):
    """A feed: its rules, how many matches it has, and its address in each format."""

    name: str
    title: str
    rules: tuple[str, ...]
    matches: int
    addresses: dict[str, str]


class RuleOut(BaseModel):
    """A rule: what it asks, how often it matched, and when it did last."""

    id: str
    title: str
    query: str
    version: str
    tags: tuple[str, ...]
    matches: int
    last: datetime | None


class PlaceOut(BaseModel):
    """What convinced the rule: a term, and where in which field it stands."""

    term: str
    field: str
    start: int
    end: int
    quote: str
    context: str


class EntryOut(BaseModel):
    """The article that matched."""

    id: str
    url: str
    title: str
    summary: str
    source: str
    lang: str
    authors: tuple[str, ...]
    published: datetime | None
    seen: datetime


class MatchOut(BaseModel):
    """A rule said yes to an article, in that `version` of the rule.

    `lost`: it does not match any more since it was edited.
    """

    id: str
    seq: int
    rule: str
    version: str
    entry: EntryOut
    because: tuple[PlaceOut, ...]
    matched: datetime
    updated: datetime
    lost: bool
    page: str


class MatchesOut(BaseModel):
    """Matches, newest first; `next` is what `before` has to be for those that come after."""

    matches: tuple[MatchOut, ...]
    next: datetime | None


def router(database: Database, catalogue: Callable[[], Catalogue]) -> APIRouter:
    """Return the routes, which show what everybody may see."""
    routes = APIRouter(prefix="/api/v1", tags=["reading"])

    @routes.get("/feeds")
    def feeds() -> list[FeedOut]:
        """List the feeds."""
        published, counts = catalogue(), database.match_counts()
        return [_feed(feed, published, counted(feed, counts)) for feed in published.feeds.values()]

    @routes.get("/rules")
    def rules() -> list[RuleOut]:
        """List the rules."""
        counts = database.match_counts()
        return [_rule(one, *counts.get(one.id, (0, None))) for one in catalogue().rules.values()]

    @routes.get("/matches")
    def matches(
        feed: str = "all",
        since: AwareDatetime | None = None,
        before: AwareDatetime | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    ) -> MatchesOut:
        """List the matches of a feed that were found within that time, newest first."""
        published = catalogue()
        wanted = published.feeds.get(feed)
        if wanted is None:
            raise HTTPException(404, f"there is no feed `{feed[:100]}`; see /api/v1/feeds")
        begin = since or _FIRST
        span = database.span(wanted.rules, begin, before or _LAST, limit)
        is_all = span.earlier is None or span.earlier < begin
        return MatchesOut(
            matches=tuple(_match(one, published) for one in span.matches),
            next=None if is_all or span.earlier is None else span.earlier + _MICROSECOND,
        )

    @routes.get("/matches/{match}")
    def one_match(match: str) -> MatchOut:
        """Show one match."""
        published, found = catalogue(), database.publication(match)
        if found is None or not published.shows(found.rule):
            raise HTTPException(404, f"there is no match `{match[:100]}`")
        return _match(found, published)

    return routes


def _feed(feed: Feed, catalogue: Catalogue, count: int) -> FeedOut:
    part = Part(name=feed.name)
    addresses = {ending: f"{catalogue.base}/{part.path(ending)}" for ending in RENDERERS}
    return FeedOut(
        name=feed.name, title=feed.title, rules=feed.rules, matches=count, addresses=addresses
    )


def _rule(rule: Rule, count: int, last: datetime | None) -> RuleOut:
    return RuleOut(
        id=rule.id,
        title=rule.title,
        query=rule.query,
        version=rule.version,
        tags=rule.tags,
        matches=count,
        last=last,
    )


def _match(match: Published, catalogue: Catalogue) -> MatchOut:
    entry = match.entry
    return MatchOut(
        id=match.id,
        seq=match.seq,
        rule=match.rule,
        version=match.version,
        entry=EntryOut(
            id=match.entry_id,
            url=entry.url,
            title=entry.title,
            summary=entry.summary,
            source=entry.source,
            lang=entry.lang,
            authors=entry.authors,
            published=entry.published,
            seen=match.seen_at,
        ),
        because=tuple(
            PlaceOut(
                term=place.term,
                field=place.field,
                start=place.start,
                end=place.end,
                quote=place.quote,
                context=place.context,
            )
            for place in match.because
        ),
        matched=match.matched_at,
        updated=match.updated_at,
        lost=match.lost,
        page=f"{catalogue.base}/matches/{match.id}",
    )
