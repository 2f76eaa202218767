"""Subscribes to the hubs that sources name, and takes in what they push. Polling goes on beside it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlencode, urljoin, urlsplit

import structlog

from feeds.outgoing import Outgoing, OutgoingError
from feeds.websub import is_signed
from store import Source, SourceSpec, Subscription
from store.database import Database
from watcher.bridge import Bridge
from watcher.parse import Document, ParseError, parse_document
from watcher.poll import Poller
from watcher.readers import Readers

LEASE = timedelta(days=10)
SHORTEST_LEASE, LONGEST_LEASE = timedelta(minutes=5), timedelta(days=30)
ANSWERED_WITHIN = timedelta(minutes=10)
"""So long a hub has to ask back, before it is asked again."""

_RETRY, _LONGEST_RETRY = timedelta(hours=1), timedelta(days=1)
_MOST_HOPS = 3
_log = structlog.get_logger("websub")


class Subscriber:
    """The subscriber's side of WebSub for all sources of a desk."""

    def __init__(
        self,
        database: Database,
        bridge: Bridge,
        outgoing: Outgoing,
        readers: Readers,
        poller: Poller,
        base_url: Callable[[], str],
        clock: Callable[[], datetime],
        hurry: Callable[[str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._bridge = bridge
        self._outgoing = outgoing
        self._readers = readers
        self._poller = poller
        self._base_url = base_url
        self._clock = clock
        self._hurry = hurry

    async def subscribe(self, name: str) -> None:
        """Ask the hub of the source *name* to push; the handler of the job `subscribe`."""
        now = self._clock()
        source = await self._bridge(self._database.source, name)
        wanted = await self._bridge(self._database.subscription, name)
        if source is None or wanted is None or wanted.due > now:
            return
        if not is_reachable(self._base_url(), source):
            await self._asked(wanted, "", now + _LONGEST_RETRY)
            return
        # Noted first: the hub may ask back before it answers.
        await self._asked(wanted, "", now + ANSWERED_WITHIN)
        try:
            error = await self._ask(wanted, source.spec)
        except OutgoingError as failure:
            error = str(failure)
        if error:
            _log.warning("subscription failed", source=name, hub=wanted.hub, error=error)
            await self._asked(wanted, error, now + _patience(wanted.failures))

    async def confirm(self, callback: str, topic: str, lease: str) -> bool:
        """Note that the hub will push; False where it was not asked for that topic."""
        subscription = await self._bridge(self._database.subscription_at, callback)
        if subscription is None or subscription.topic != topic:
            return False
        given = timedelta(seconds=int(lease[:9])) if lease.isdecimal() else LEASE
        kept = min(max(given, SHORTEST_LEASE), LONGEST_LEASE)
        await self._bridge(self._database.subscription_confirmed, callback, self._clock(), kept)
        _log.info("subscription confirmed", source=subscription.source, hub=subscription.hub)
        return True

    async def deny(self, callback: str, topic: str, reason: str) -> bool:
        """Note that the hub refuses; it is asked again after a day."""
        subscription = await self._bridge(self._database.subscription_at, callback)
        if subscription is None or subscription.topic != topic:
            return False
        why = f"the hub refuses: {reason[:200]}" if reason else "the hub refuses"
        retry_at = self._clock() + _LONGEST_RETRY
        await self._bridge(self._database.subscription_denied, callback, why, retry_at)
        return True

    async def take(self, callback: str, body: bytes, content_type: str, signature: str) -> bool:
        """Take in what a hub pushed; what is not signed as agreed is let fall.

        Where a push holds no entries (some hubs only ring), the source is read at once.
        """
        subscription = await self._bridge(self._database.subscription_at, callback)
        if subscription is None:
            return False
        name = subscription.source
        if not is_signed(body, signature, subscription.secret):
            _log.warning("push refused", source=name, reason="its signature is not the hub's")
            return True
        await self._bridge(self._database.pushed, callback, self._clock())
        document = Document(address=subscription.topic, body=body, content_type=content_type)
        try:
            parsed = await self._readers.call(parse_document, "feed", document)
        except ParseError:
            await self._hurry(name)
            return True
        if await self._poller.push(name, parsed.entries, news=False) is None:
            # It is being polled right now, perhaps from before the push.
            await self._hurry(name)
        return True

    async def _asked(self, wanted: Subscription, error: str, retry_at: datetime) -> None:
        await self._bridge(self._database.subscription_asked, wanted.source, error, retry_at)

    async def _ask(self, wanted: Subscription, spec: SourceSpec) -> str:
        """Ask the hub, and where it redirects to for this; return its refusal or ""."""
        form = {
            "hub.mode": "subscribe",
            "hub.topic": wanted.topic,
            "hub.callback": f"{self._base_url()}/websub/{wanted.callback}",
            "hub.secret": wanted.secret,
            "hub.lease_seconds": str(int(LEASE.total_seconds())),
        }
        hub = wanted.hub
        for _ in range(_MOST_HOPS):
            reply = await self._outgoing.post(
                hub,
                headers={"content-type": "application/x-www-form-urlencoded"},
                body=urlencode(form).encode(),
                allow_private=spec.allow_private,
                written=spec.address,
            )
            if reply.status not in {307, 308} or "location" not in reply.headers:
                break
            hub = urljoin(hub, reply.headers["location"])
        if 200 <= reply.status < 300:
            return ""
        said = reply.body.decode("utf-8", "replace").strip().split("\n")[0][:200]
        return f"the hub answered {reply.status}" + (f": {said}" if said else "")


def is_reachable(base_url: str, source: Source) -> bool:
    """Tell whether the hub of *source* could call us at *base_url*: not from outside on loopback."""
    host = urlsplit(base_url).hostname or ""
    if source.spec.allow_private:
        return True
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))


def _patience(failures: int) -> timedelta:
    gap = min(_RETRY * float(2 ** min(failures, 10)), _LONGEST_RETRY)
    return gap * (1 + random.random() / 10)  # noqa: S311  jitter is no secret
