"""The door of our hub: `/hub`, the hub's side of WebSub (W3C, 23 Jan 2018) for our own feeds."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from feeds.clean import web_link
from feeds.document import Document
from feeds.outgoing import Outgoing
from feeds.sending import Answer
from feeds.webhooks import answer_of
from store import Delivery, EndpointSpec, HubRequest, hub_id

USUAL_LEASE = timedelta(days=10)
SHORTEST_LEASE, LONGEST_LEASE = timedelta(minutes=5), timedelta(days=30)

_LARGEST_REQUEST = 16 * 1024
_LONGEST_SECRET = 199
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}
_ABOUT = (
    "This is the WebSub hub of the feeds of this site: POST hub.mode=subscribe, hub.topic and\n"
    "hub.callback here, and each change of the feed is sent to the callback.\n"
)


class RefusedError(Exception):
    """A request that the hub does not take; the text says why."""


def asked_of(form: Mapping[str, str], base_url: str, now: datetime) -> HubRequest:
    """Return what the fields of a request ask for (section 5.1); raise RefusedError.

    The lease is what was wished, within five minutes and thirty days; without a wish, ten days.
    """
    mode, topic = form.get("hub.mode", ""), form.get("hub.topic", "")
    if mode not in {"subscribe", "unsubscribe"}:
        raise RefusedError("hub.mode is subscribe or unsubscribe")
    if not topic.startswith(f"{base_url}/"):
        raise RefusedError("hub.topic is none of the feeds of this site")
    callback, secret = form.get("hub.callback", ""), form.get("hub.secret", "")
    if not web_link(callback):
        raise RefusedError("hub.callback is no address of the web")
    if len(secret.encode()) > _LONGEST_SECRET:
        raise RefusedError(f"hub.secret is longer than {_LONGEST_SECRET} bytes")
    path = topic.removeprefix(f"{base_url}/")
    return HubRequest(
        id=hub_id(path, callback),
        mode=cast("Literal['subscribe', 'unsubscribe']", mode),
        topic=path,
        callback=callback,
        secret=secret,
        lease=_lease(form.get("hub.lease_seconds", "")),
        challenge=secrets.token_urlsafe(32),
        due=now,
    )


def _lease(written: str) -> timedelta:
    if not written:
        return USUAL_LEASE
    if not (written.isascii() and written.isdigit()):
        raise RefusedError("hub.lease_seconds is a number of seconds")
    return min(max(timedelta(seconds=int(written[:9])), SHORTEST_LEASE), LONGEST_LEASE)


def signature(body: bytes, secret: str) -> Mapping[str, str]:
    """Return the header that proves to who gave us *secret* that we sent *body* (section 7)."""
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature": f"sha256={signed}"}


Published = Callable[[str], Awaitable[Document | None]]
"""Gives a feed by its address below the base URL, as it is now."""


class Pushes:
    """The Sender to subscribers: the whole feed as it is now, signed where they gave a secret."""

    def __init__(self, outgoing: Outgoing, published: Published) -> None:
        self._outgoing = outgoing
        self._published = published

    async def __call__(self, endpoint: EndpointSpec, delivery: Delivery, now: datetime) -> Answer:
        """Return what the subscriber answered; a feed that is published no more is owed to nobody."""
        found = await self._published(json.loads(delivery.body)["topic"])
        if found is None:
            return Answer(verdict="gone", error="the feed is published no more")
        signed = signature(found.body, *endpoint.secrets) if endpoint.secrets else {}
        reply = await self._outgoing.post(
            endpoint.url,
            headers={"content-type": found.media_type, "link": found.link, **signed},
            body=found.body,
            allow_private=endpoint.allow_private,
        )
        return answer_of(reply, endpoint.secrets, now)


class Rings:
    """The Sender to hubs of others: the name of the feed that changed, which they read then."""

    def __init__(self, outgoing: Outgoing, base_url: Callable[[], str]) -> None:
        self._outgoing = outgoing
        self._base_url = base_url

    async def __call__(self, endpoint: EndpointSpec, delivery: Delivery, now: datetime) -> Answer:
        """Return what the hub answered."""
        topic = f"{self._base_url()}/{json.loads(delivery.body)['topic']}"
        # Hubs differ on which of the two names they read.
        form = {"hub.mode": "publish", "hub.url": topic, "hub.topic": topic}
        reply = await self._outgoing.post(
            endpoint.url,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            allow_private=endpoint.allow_private,
        )
        return answer_of(reply, endpoint.secrets, now)


def router(ask: Callable[[Mapping[str, str]], Awaitable[bool]]) -> APIRouter:
    """Return the hub's route.

    *ask* notes a request until it is confirmed; it returns False where too many
    wait, and raises RefusedError.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.post("/hub")
    async def subscribe(request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_REQUEST:
                return _answer("that is longer than any request\n", 413)
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            taken = await ask(form)
        except RefusedError as error:
            return _answer(f"{error}\n", 400)
        if not taken:
            return _answer("too many requests wait; ask again in a minute\n", 503)
        return _answer("taken; the callback is asked to confirm it\n", 202)

    @routes.get("/hub")
    async def about() -> Response:
        return _answer(_ABOUT)

    return routes


def _answer(text: str, status: int = 200) -> Response:
    headers = {**_SAFE, "retry-after": "60"} if status == 503 else _SAFE
    return PlainTextResponse(text, status, headers=headers)
