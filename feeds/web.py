"""Serves feeds and pages over HTTP with FastAPI: its only room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from feeds.catalogue import HEALTH, Catalogue
from feeds.health import Health
from feeds.items import LIVE
from feeds.opml import opml_of
from feeds.pages import Pages, Topic, counted, first_day, stylesheet
from feeds.shelf import RENDERERS, Rendered, Shelf, links_of
from store.database import Database

_FRESH = "public, max-age=60"
_SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_PAGE = {
    **_SAFE,
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
}
_LATEST = 3
_ON_A_TOPIC = 100
_READ = ["GET", "HEAD"]


def create_app(
    database: Database,
    catalogue: Callable[[], Catalogue],
    *,
    health: Callable[[], Health],
    clock: Callable[[], datetime],
    doors: Iterable[APIRouter] = (),
) -> FastAPI:
    """Return the web application over *database*, for what *catalogue* says at that moment.

    *doors* are routes by which something comes in; `/openapi.json` describes those for programs.
    """
    app = FastAPI(title="tocsin", redoc_url=None)
    for door in doors:
        app.include_router(door)
    page_at = partial(app.api_route, methods=_READ, include_in_schema=False)
    shelf = Shelf(database)
    # Asked once: it looks at the store and the disk, and this part of it never changes.
    started_at = health().started_at
    sheet = Rendered.of(stylesheet(), "text/css; charset=utf-8", started_at)

    @page_at("/")
    def home() -> Response:
        published = catalogue()
        counts = database.match_counts()
        topics = [
            Topic(
                feed=feed,
                count=counted(feed, counts),
                latest=database.published(feed.rules, _LATEST),
            )
            for feed in published.feeds.values()
            if feed.name != "all"
        ]
        return _page(Pages(published).home(topics))

    @page_at("/topics/{name}")
    def topic(name: str) -> Response:
        published = catalogue()
        feed = published.feeds.get(name)
        if feed is None:
            return _absent(published, "topic", name)
        count = counted(feed, database.match_counts())
        matches = database.published(feed.rules, _ON_A_TOPIC)
        return _page(Pages(published).topic(feed, matches, count))

    @page_at("/matches/{match}")
    def match_page(match: str) -> Response:
        published = catalogue()
        found = database.publication(match)
        if found is None:
            return _absent(published, "match", match)
        return _page(Pages(published).match(found, database.matches_of(found.entry_id)))

    @page_at("/sources")
    def sources() -> Response:
        now = clock()
        pushed = {one.source for one in database.subscriptions() if one.is_held(now)}
        covered = database.coverage(first_day(now))
        return _page(Pages(catalogue()).sources(database.sources(), covered, pushed, now))

    @page_at("/health")
    def health_page() -> Response:
        now, found = clock(), health()
        pages = Pages(catalogue())
        events = database.events(LIVE)
        return _page(pages.health(found, database.sources(), database.endpoints(), events, now))

    @page_at("/feeds.opml")
    def opml(request: Request) -> Response:
        published = catalogue()
        body = opml_of(published)
        return _served(request, Rendered.of(body, "text/x-opml; charset=utf-8", started_at))

    @page_at("/feeds/{file}")
    def feed(file: str, request: Request) -> Response:
        published = catalogue()
        name, _, ending = file.rpartition(".")
        found = published.health if name == HEALTH else published.feeds.get(name)
        if found is None or ending not in RENDERERS:
            return _absent(published, "feed", name if ending in RENDERERS else file)
        answer = _served(request, shelf.feed(published, found, ending))
        answer.headers["link"] = links_of(published, found, ending)
        return answer

    @page_at("/static/site.css")
    def style(request: Request) -> Response:
        return _served(request, sheet)

    @page_at("/livez")
    def livez() -> Response:
        return Response("alive\n", media_type="text/plain", headers=_SAFE)

    @page_at("/readyz")
    def readyz() -> Response:
        now = health()
        content = {
            **asdict(now),
            "reasons": list(now.reasons),
            "problems": [str(problem) for problem in catalogue().problems],
            "started_at": now.started_at.isoformat(),
            "last_tick_at": now.last_tick_at.isoformat(),
        }
        return JSONResponse(content, 200 if now.ready else 503, headers=_SAFE)

    return app


def _page(text: str, status: int = 200) -> Response:
    return HTMLResponse(text.encode("utf-8", "replace"), status, headers=_PAGE)


def _absent(catalogue: Catalogue, kind: str, name: str) -> Response:
    pages = Pages(catalogue)
    if name in catalogue.retired:
        text = f"The rule “{name}” was removed from the desk, and its feed with it."
        return _page(pages.absent("Gone", text), 410)
    return _page(pages.absent("Not found", f"There is no {kind} “{name[:100]}” here."), 404)


def _served(request: Request, rendered: Rendered) -> Response:
    """Return *rendered* as the request's conditions and encodings ask (RFC 9110, 8.4 and 13)."""
    zipped = _takes_gzip(request.headers.get("accept-encoding", ""))
    headers = {
        **_SAFE,
        "etag": f'"{rendered.etag}{"-gzip" if zipped else ""}"',
        "last-modified": format_datetime(rendered.changed, usegmt=True),
        "cache-control": _FRESH,
        "vary": "accept-encoding",
    }
    if _is_current(request, rendered):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["content-encoding"] = "gzip"
    body = rendered.zipped if zipped else rendered.body
    return Response(body, media_type=rendered.media_type, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    weights = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.strip().partition(";")
        weights[name.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _is_current(request: Request, rendered: Rendered) -> bool:
    """Tell whether the client has these bytes; If-None-Match wins over If-Modified-Since."""
    if asked := request.headers.get("if-none-match"):
        tags = {tag.strip().removeprefix("W/").strip('"') for tag in asked.split(",")}
        return "*" in tags or bool(tags & {rendered.etag, f"{rendered.etag}-gzip"})
    since = request.headers.get("if-modified-since")
    try:
        return since is not None and parsedate_to_datetime(since) >= rendered.changed.replace(
            microsecond=0
        )
    except (ValueError, TypeError):
        return False
