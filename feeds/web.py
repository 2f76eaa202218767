"""Serves feeds and pages over HTTP with FastAPI: its only room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import get_args

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response

from feeds import private, reading
from feeds.address import LIVE
from feeds.catalogue import Catalogue
from feeds.gate import sealed
from feeds.health import Health
from feeds.kiosk import READ, Kiosk
from feeds.pages import REVISIONS, Pages, Topic, counted, first_day
from feeds.shelf import Shelf
from feeds.timeline import Timeline
from store import DeliveryState
from store.database import Database

_SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_PAGE = {
    **_SAFE,
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
}
_PRIVATE = {"cache-control": "private, no-cache", "x-robots-tag": "noindex"}
_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_LATEST = 3
_ON_A_TOPIC = 100
_DELIVERIES = 200


def create_app(
    database: Database,
    catalogue: Callable[[], Catalogue],
    *,
    health: Callable[[], Health],
    clock: Callable[[], datetime],
    metrics: Callable[[], bytes],
    doors: Iterable[APIRouter] = (),
) -> Kiosk:
    """Return the web application over *database*, for what *catalogue* says at that moment.

    *metrics* gives what it counts, in Prometheus' text format. *doors* are routes by which something comes in; `/openapi.json` describes those for programs.
    """
    app = FastAPI(title="tocsin", docs_url=None, redoc_url=None)
    app.add_exception_handler(RequestValidationError, _refused)
    for door in (*doors, reading.router(database, catalogue)):
        app.include_router(door)
    opener = private.opener(database, catalogue)
    page_at = partial(app.api_route, methods=list(READ), include_in_schema=False)

    @app.exception_handler(404)
    async def lost(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith("/api/"):
            return await http_exception_handler(request, error)
        return _absent(catalogue(), "page", "")

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
        return topic_of(catalogue(), name)

    @page_at("/matches/{match}")
    def match_page(match: str) -> Response:
        return match_of(catalogue(), match)

    @page_at("/private/{token}/topics/{name}")
    def private_topic(token: str, name: str) -> Response:
        opened = opener(token)
        return topic_of(opened, name) if opened else _absent(catalogue(), "page", "")

    @page_at("/private/{token}/matches/{match}")
    def private_match(token: str, match: str) -> Response:
        opened = opener(token)
        return match_of(opened, match) if opened else _absent(catalogue(), "page", "")

    @page_at("/private/{token}/")
    def private_home(token: str) -> Response:
        opened = opener(token)
        if opened is None:
            return _absent(catalogue(), "page", "")
        headers = {**_SAFE, "location": f"topics/{next(iter(opened.feeds))}", **_PRIVATE}
        return Response(status_code=303, headers=headers)

    @page_at("/private/{rest:path}")
    def private_absent(rest: str) -> Response:  # noqa: ARG001  what is wrong is not told
        return _absent(catalogue(), "page", "")

    def topic_of(published: Catalogue, name: str) -> Response:
        feed = published.feeds.get(name)
        if feed is None:
            if new := published.moved(name):
                return _moved(f"{published.base}/topics/{new}")
            return _absent(published, "topic", name)
        count = counted(feed, database.match_counts())
        matches = database.published(feed.rules, _ON_A_TOPIC)
        return _page(Pages(published).topic(feed, matches, count), private=published.prefix)

    def match_of(published: Catalogue, match: str) -> Response:
        found = database.publication(match)
        if found is None or not published.shows(found.rule):
            return _absent(published, "match", match)
        others = database.matches_of(found.entry_id)
        states = database.revisions(found.entry_id, REVISIONS)
        page = Pages(published).match(found, others, states)
        return _page(page, private=published.prefix)

    @page_at("/sources")
    def sources() -> Response:
        now = clock()
        pushed = {one.source for one in database.subscriptions() if one.is_held(now)}
        covered = database.coverage(first_day(now))
        return _page(Pages(catalogue()).sources(database.sources(), covered, pushed, now))

    @page_at("/rules")
    def rules() -> Response:
        return _page(Pages(catalogue()).rules(database.match_counts()))

    @page_at("/timeline")
    def timeline() -> Response:
        return _page(Timeline(database, catalogue(), clock()).last_days())

    @page_at("/timeline/{month}")
    def timeline_of(month: str) -> Response:
        published = catalogue()
        page = Timeline(database, published, clock()).month(month)
        return _page(page) if page else _absent(published, "month", month)

    @page_at("/deliveries")
    def deliveries(endpoint: str = "", state: str = "") -> Response:
        return _page(_deliveries(database, catalogue(), endpoint, state))

    @page_at("/health")
    def health_page() -> Response:
        now, found = clock(), health()
        published = catalogue()
        pages = Pages(published)
        events = published.told(database.events(LIVE))
        return _page(pages.health(found, database.sources(), database.endpoints(), events, now))

    @page_at("/feeds/{path:path}")
    def absent_feed(path: str, request: Request) -> Response:
        name, sign, rest = path.partition("/" if "/" in path else ".")
        published = catalogue()
        if new := published.moved(name):
            asked = f"?{request.url.query}" if request.url.query else ""
            return _moved(f"{published.base}/feeds/{new}{sign}{rest}{asked}")
        return _absent(published, "feed", name)

    @page_at("/docs")
    def docs() -> Response:
        return _page(Pages(catalogue()).docs(app.openapi()))

    @page_at("/livez")
    def livez() -> Response:
        return Response("alive\n", media_type="text/plain", headers=_SAFE)

    @page_at("/metrics")
    def counts() -> Response:
        return Response(metrics(), media_type=_METRICS, headers=_SAFE)

    @page_at("/readyz")
    def readyz() -> Response:
        now = health()
        content = {
            **asdict(now),
            "reasons": list(now.reasons),
            "problems": _problems(catalogue()),
            "started_at": now.started_at.isoformat(),
            "last_tick_at": now.last_tick_at.isoformat(),
        }
        return JSONResponse(content, 200 if now.ready else 503, headers=_SAFE)

    return Kiosk(sealed(app), Shelf(database, clock), catalogue, opener)


def _deliveries(database: Database, catalogue: Catalogue, endpoint: str, state: str) -> str:
    states: tuple[DeliveryState, ...] = get_args(DeliveryState)
    chosen = next((one for one in states if one == state), None)
    found = database.deliveries(
        endpoint=endpoint or None, state=chosen, of_desk=True, limit=_DELIVERIES + 1
    )
    return Pages(catalogue).deliveries(
        found[:_DELIVERIES] if chosen or not state else (),
        database.endpoints(),
        endpoint=endpoint,
        state=state,
        more=len(found) > _DELIVERIES,
    )


def _page(text: str, status: int = 200, *, private: str = "") -> Response:
    headers = {**_PAGE, **_PRIVATE} if private else _PAGE
    return HTMLResponse(text.encode("utf-8", "replace"), status, headers=headers)


def _moved(address: str) -> Response:
    headers = {**_SAFE, "location": address, "cache-control": "public, max-age=3600"}
    return Response(status_code=301, headers=headers)


def _refused(_: Request, error: Exception) -> Response:
    """Return what is wrong with a request, without what it said: that may be long, or half a character."""
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    detail = [{name: one[name] for name in ("loc", "msg", "type")} for one in found]
    content = json.dumps({"detail": detail}).encode()
    return Response(content, 422, media_type="application/json")


def _problems(catalogue: Catalogue) -> list[str]:
    """Return what is wrong with the desk; where it keeps something private, only that it is."""
    if catalogue.private:
        return ["see: tocsin check"] if catalogue.problems else []
    return [str(problem) for problem in catalogue.problems]


def _absent(catalogue: Catalogue, kind: str, name: str) -> Response:
    pages = Pages(catalogue)
    if name in catalogue.retired - catalogue.hidden:
        text = f"The rule “{name}” was removed from the desk, and its feed with it."
        return _page(pages.absent("Gone", text), 410)
    named = f" “{name[:100]}”" if name else ""
    text = pages.absent("Not found", f"There is no {kind}{named} here.")
    return _page(text, 404, private=catalogue.prefix)
