"""Our own hub (WebSub): confirms what is asked of it, and owes each subscriber the feed that changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urldefrag, urlencode

import structlog

from feeds.catalogue import Catalogue
from feeds.document import Document
from feeds.hub import Pushes, RefusedError, Rings, asked_of
from feeds.outgoing import Outgoing, OutgoingError
from feeds.sending import Sender
from feeds.shelf import Shelf, present, topics
from store import EndpointSpec, HubRequest
from store.database import Database
from watcher.bridge import Bridge
from watcher.desk import DeskState

_SUBSCRIBER, _HUB = "subscriber", "hub"
_TRIES = 3
_RETRY = timedelta(seconds=30)
_log = structlog.get_logger("hub")


class Hub:
    """The hub of a desk's own feeds."""

    def __init__(
        self,
        database: Database,
        bridge: Bridge,
        outgoing: Outgoing,
        desk: Callable[[], DeskState],
        clock: Callable[[], datetime],
        ring: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._bridge = bridge
        self._outgoing = outgoing
        self._desk = desk
        self._clock = clock
        self._ring = ring
        self._shelf = Shelf(database, clock)

    @property
    def senders(self) -> Mapping[str, Sender]:
        """Return the senders to subscribers and to hubs of others, by their kinds."""
        return {
            _SUBSCRIBER: Pushes(self._outgoing, self._published),
            _HUB: Rings(self._outgoing, lambda: self._catalogue.site.base_url),
        }

    @property
    def _catalogue(self) -> Catalogue:
        return self._desk().catalogue

    @property
    def _allow_private(self) -> bool:
        return self._desk().settings.values.hub.allow_private

    async def ask(self, form: Mapping[str, str]) -> bool:
        """Note a request until its callback confirms it; False where too many wait.

        Raise RefusedError for what is no request, or asks for a feed that there is not.
        """
        published = self._catalogue
        request = asked_of(form, published.site.base_url, self._clock())
        if request.mode == "subscribe" and request.topic not in topics(published):
            raise RefusedError("hub.topic is none of the feeds of this site")
        taken = await self._bridge(self._database.hub_asked, request)
        if taken:
            await self._ring("confirm", request.id)
        return taken

    async def confirm(self, identity: str) -> None:
        """Ask the callback of a request whether it was meant; the handler of the job `confirm`.

        One whose feed is pushed no more is told so instead (section 5.2).
        """
        now = self._clock()
        request = await self._bridge(self._database.hub_request, identity)
        if request is None or request.due > now:
            return
        try:
            meant = await self._is_meant(request)
        except OutgoingError as error:
            if request.tries + 1 < _TRIES and error.kind != "denied":
                await self._bridge(self._database.hub_request_postponed, request, now + _RETRY)
                return
            _log.warning("request unconfirmed", topic=request.topic, error=str(error))
            meant = False
        if not meant or request.mode == "denied":
            await self._bridge(self._database.hub_request_refused, request)
            return
        rules = topics(self._catalogue).get(request.topic, ())
        await self._bridge(self._database.hub_request_confirmed, request, rules, now)
        _log.info("request confirmed", mode=request.mode, topic=request.topic)

    async def owe_changes(self) -> None:
        """Owe each subscriber the feed that changed; the handler of the job `publish`."""
        published = topics(self._catalogue)
        is_open = self._desk().settings.values.hub.own
        owe = self._database.owe_changes
        for name in await self._bridge(owe, published, self._clock(), is_open=is_open):
            await self._ring("drain", name)

    async def sync(self) -> None:
        """Tell the store which hubs of others the desk names now."""
        desk = self._desk()
        others = desk.settings.values.hub.others
        await self._bridge(self._database.sync_hubs, others, topics(desk.catalogue))

    async def endpoint(self, name: str) -> EndpointSpec | None:
        """Return who stands behind the name of an endpoint of the hub's."""
        held = await self._bridge(self._database.hub_subscriber, name)
        if held is None:
            return None
        return EndpointSpec(
            name=name,
            url=held.callback,
            kind=_HUB if held.is_hub else _SUBSCRIBER,
            secrets=(held.secret,) if held.secret else (),
            allow_private=self._allow_private,
        )

    async def _published(self, topic: str) -> Document | None:
        catalogue = self._catalogue
        if topic not in topics(catalogue):
            return None
        path = f"/{present(catalogue, topic)}"
        return await self._bridge(self._shelf.document, catalogue, path)

    async def _is_meant(self, request: HubRequest) -> bool:
        asked = {
            "hub.mode": request.mode,
            "hub.topic": f"{self._catalogue.site.base_url}/{request.topic}",
        }
        if request.mode == "denied":
            asked["hub.reason"] = "the feed is pushed no more"
        else:
            asked["hub.challenge"] = request.challenge
        if request.mode == "subscribe":
            asked["hub.lease_seconds"] = str(int(request.lease.total_seconds()))
        address = urldefrag(request.callback).url
        joint = "&" if "?" in address else "?"
        reply = await self._outgoing.get(
            f"{address}{joint}{urlencode(asked)}",
            cap=4096,
            max_redirects=0,
            allow_private=self._allow_private,
        )
        return 200 <= reply.status < 300 and reply.body.decode("utf-8", "replace").strip() == (
            request.challenge
        )
