"""Hands out what stands on the shelf, before any framework is asked: feeds are most of what is read.

While nothing changed, an answer takes neither a thread nor the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from feeds.address import wish
from feeds.catalogue import Catalogue
from feeds.document import Document
from feeds.private import PREFIX, Opener, split
from feeds.shelf import Shelf

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application after the ASGI specification, version 3."""

READ = ("GET", "HEAD")
_SHELVED = ("/feeds", "/static/")


class Kiosk:
    """An application that answers for what stands on the shelf, and leaves the rest to *app*."""

    def __init__(
        self, app: App, shelf: Shelf, catalogue: Callable[[], Catalogue], opener: Opener
    ) -> None:
        self._app = app
        self._shelf = shelf
        self._catalogue = catalogue
        self._opener = opener
        self._asked: dict[tuple[str, str], asyncio.Future[Document | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if (
            scope["type"] == "http"
            and path.startswith((*_SHELVED, PREFIX))
            and scope["method"] in READ
            and (document := await self._document(path, scope["query_string"]))
        ):
            await answer(document, scope, send)
        else:
            await self._app(scope, receive, send)

    async def _document(self, path: str, query: bytes) -> Document | None:
        catalogue: Catalogue | None = self._catalogue()
        if path.startswith(PREFIX):
            token, rest = split(path)
            is_shelved = rest.startswith(_SHELVED)
            catalogue = await asyncio.to_thread(self._opener, token) if is_shelved else None
        if catalogue is None:
            return None
        wished = wish(query) if query else ""
        found = self._shelf.at_hand(catalogue, path, wished)
        if found is not None:
            return found
        if (last := self._shelf.in_demand(catalogue, path, wished)) is not None:
            document, is_due = last
            if is_due and (path, wished) not in self._asked:
                self._begun(catalogue, path, wished)
            return document
        return await self._from_store(catalogue, path, wished)

    async def _from_store(self, catalogue: Catalogue, path: str, wished: str) -> Document | None:
        """Return the document as the store has it; those who ask for the same wait together."""
        if begun := self._asked.get((path, wished)):
            # Begun before this request came, it may have missed what was committed between.
            await asyncio.wait([begun])
            if found := self._shelf.at_hand(catalogue, path, wished):
                return found
        again = self._asked.get((path, wished)) or self._begun(catalogue, path, wished)
        return await asyncio.shield(again)

    def _begun(
        self, catalogue: Catalogue, path: str, wished: str
    ) -> asyncio.Future[Document | None]:
        key = (path, wished)
        work = asyncio.ensure_future(
            asyncio.to_thread(self._shelf.document, catalogue, path, wished)
        )
        self._asked[key] = work
        work.add_done_callback(lambda done: self._forget(key, done))
        return work

    def _forget(self, key: tuple[str, str], done: asyncio.Future[Document | None]) -> None:
        if self._asked.get(key) is done:
            del self._asked[key]
        if not done.cancelled():
            done.exception()  # whoever waits is told; nobody may be waiting


async def answer(document: Document, scope: Scope, send: Send) -> None:
    """Send *document* as the request in *scope* asks for it."""
    status, headers, body = document.answer(scope["headers"])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
