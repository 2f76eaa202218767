"""The door for hubs: `/websub/{callback}`, the subscriber's side of WebSub (W3C, 23 Jan 2018)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable
from typing import Protocol

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

LARGEST_PUSH = 10 * 1024 * 1024
_METHODS = frozenset({"sha256", "sha384", "sha512"})
_SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class Subscriber(Protocol):
    """Who subscribed, and takes in what is pushed."""

    def confirm(self, callback: str, topic: str, lease: str) -> Awaitable[bool]:
        """Note that a hub says what it was asked; False where nobody asked for that."""

    def deny(self, callback: str, topic: str, reason: str) -> Awaitable[bool]:
        """Note that a hub will not push; False where nobody asked it to."""

    def take(
        self, callback: str, body: bytes, content_type: str, signature: str
    ) -> Awaitable[bool]:
        """Take in what a hub pushes; False where nobody subscribed there."""


def router(subscriber: Subscriber) -> APIRouter:
    """Return the routes that hubs call."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/websub/{callback}")
    async def verify(callback: str, request: Request) -> Response:
        asked = request.query_params
        mode, topic = asked.get("hub.mode", ""), asked.get("hub.topic", "")
        if mode == "denied":
            known = await subscriber.deny(callback, topic, asked.get("hub.reason", ""))
            return _answer("noted\n") if known else _unknown()
        if mode == "subscribe" and await subscriber.confirm(
            callback, topic, asked.get("hub.lease_seconds", "")
        ):
            return _answer(asked.get("hub.challenge", ""))
        return _unknown()

    @routes.post("/websub/{callback}")
    async def take(callback: str, request: Request) -> Response:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_PUSH:
                return _answer("larger than 10 MB; the feed itself is read instead\n", 413)
        known = await subscriber.take(
            callback,
            bytes(body),
            request.headers.get("content-type", ""),
            request.headers.get("x-hub-signature", ""),
        )
        return _answer("taken\n", 202) if known else _unknown()

    return routes


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Tell whether *signature* (`sha256=…`, section 8) proves that *secret* signed *body*.

    SHA-1, which the specification allows still, proves nothing any more.
    """
    method, _, given = signature.strip().partition("=")
    if method.lower() not in _METHODS:
        return False
    expected = hmac.new(secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode())


def _answer(text: str, status: int = 200) -> Response:
    return PlainTextResponse(text, status, headers=_SAFE)


def _unknown() -> Response:
    return _answer("nobody subscribed here\n", 404)
