"""Stands before the web server: turns away who calls it by a name that is not its own.

A page of others could have its name lead to this machine (DNS rebinding), and a
browser would hand it what a desk on loopback shows. It would ask for that name.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache, partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from feeds.kiosk import App, Message, Receive, Scope, Send

_ALWAYS = frozenset({"localhost", ""})
_SEALED = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
}
_REFUSED = b"This desk does not go by that name. Name it in tocsin.toml: [server] hosts = [...]\n"


class Gate:
    """An application that lets requests to *names* through to *app*, and those to bare addresses."""

    def __init__(self, app: App, names: Collection[str]) -> None:
        self._app = app
        self._is_ours = lru_cache(maxsize=256)(partial(_is_among, _ALWAYS | frozenset(names)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not all(
            self._is_ours(value) for name, value in scope["headers"] if name == b"host"
        ):
            headers = [*_SEALED.items(), (b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 421, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSED})
        else:
            await self._app(scope, receive, send)


def _is_among(names: Collection[str], host: bytes) -> bool:
    try:
        name = urlsplit(f"//{host.decode('latin-1')}").hostname or ""
    except ValueError:
        return False
    if name.removesuffix(".") in names:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True  # no name that could lead elsewhere


def sealed(app: App) -> App:
    """Return *app* with the headers that keep browsers strict, on each answer that lacks them."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in _SEALED.items() if name not in given),
                ]
            await send(message)

        await app(scope, receive, sending)

    return answering
