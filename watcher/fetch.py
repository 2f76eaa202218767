"""Fetches one source politely: conditional, bounded in time and size, honest about who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from feeds.outgoing import Outgoing, OutgoingError, Reply
from store import Hub, Source, Validators, server_of
from store.condition import read_at
from watcher.parse import Document

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, text/html;q=0.6, application/json;q=0.5, */*;q=0.1"
)


WHOLE_EVERY = timedelta(days=1)
"""So often a server that says "unchanged" is asked for all, in case it is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a source's server answered; *document* is None where it said that nothing is new.

    *validators* are what to ask with next time. *whole* tells that it was asked
    without conditions, *same* that its validators are those we had. *moved_to* is
    where it leads permanently, and *fresh_for* how long it says its answer is good.
    *hub* is who pushes what is new, where its headers name one.
    """

    document: Document | None
    validators: Validators
    whole: bool = False
    same: bool = False
    moved_to: str = ""
    fresh_for: timedelta = timedelta()
    hub: Hub | None = None


_PASSING = frozenset({"dns", "connect", "timeout", "truncated", "protocol"})


class FetchError(Exception):
    """A source that could not be read; the text is its reason in words for a person.

    *retry_after* is how long the server asks us to stay away; *gone* means 410.
    *passing* tells that it is likely to be otherwise soon. *tired* is the server
    that wants to be left alone, whichever feed is asked for.
    """

    def __init__(
        self,
        reason: str,
        *,
        retry_after: timedelta | None = None,
        gone: bool = False,
        passing: bool = False,
        tired: str = "",
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.gone = gone
        self.passing = passing
        self.tired = tired


def user_agent(version: str, contact: str) -> str:
    """Return how we name ourselves to servers, with an address to write to.

    >>> user_agent("0.1.0", "desk@example.org")
    'tocsin/0.1.0 (feed reader; desk@example.org)'
    """
    return f"tocsin/{version} (feed reader; {contact or 'no contact given'})"


async def fetch(outgoing: Outgoing, source: Source, now: datetime) -> Fetched:
    """Return what the source's server sends; raise FetchError."""
    spec, had = source.spec, source.validators
    conditions = {} if _is_to_be_asked_whole(source, now) else _conditions(had)
    address = read_at(source, now)
    try:
        reply = await outgoing.get(
            address,
            headers={"accept": ACCEPT, **conditions},
            allow_private=spec.allow_private,
            written=spec.address,
        )
    except OutgoingError as error:
        raise FetchError(str(error)) from error
    moved_to = _moved_to(reply) or (address if address != spec.address else "")
    fresh_for = reply.fresh_for(now)
    if reply.status == 304 and conditions:
        validators = _renewed(had, reply)
        return Fetched(document=None, validators=validators, moved_to=moved_to, fresh_for=fresh_for)
    if not 200 <= reply.status < 300:
        raise _refusal(reply, address, now)
    document = Document(
        address=reply.url, body=reply.body, content_type=reply.headers.get("content-type", "")
    )
    validators = Validators(
        etag=reply.headers.get("etag", ""),
        last_modified=reply.headers.get("last-modified", ""),
        body_sha256=document.sha256,
    )
    return Fetched(
        document=document,
        validators=validators,
        whole=not conditions,
        same=_marks(validators) == _marks(had) != ("", ""),
        moved_to=moved_to,
        fresh_for=fresh_for,
        hub=_hub(reply),
    )


def _is_to_be_asked_whole(source: Source, now: datetime) -> bool:
    """Tell whether to ask without conditions: now and then, and where they were not kept to."""
    last = source.asked_whole_at
    return source.distrusted or last is None or now - last >= WHOLE_EVERY


def _hub(reply: Reply) -> Hub | None:
    """Return the hub that a `Link` header names (WebSub, section 4)."""
    links = reply.links
    if "hub" not in links:
        return None
    return Hub(address=links["hub"], topic=links.get("self", reply.url))


def _marks(validators: Validators) -> tuple[str, str]:
    return validators.etag, validators.last_modified


def _moved_to(reply: Reply) -> str:
    """Return where the leading permanent redirects lead; what follows a temporary one may change."""
    permanent = takewhile(lambda hop: hop[0] in {301, 308}, reply.hops)
    return next((address for _, address in reversed(list(permanent))), "")


async def fetch_page(
    outgoing: Outgoing, url: str, *, allow_private: bool, written: str
) -> Document:
    """Return the page at *url*, an article that a feed links to; raise FetchError.

    *written* is the address that an operator wrote, whose port is open at its host.
    """
    try:
        reply = await outgoing.get(
            url,
            headers={"accept": "text/html, */*;q=0.1"},
            allow_private=allow_private,
            written=written,
        )
    except OutgoingError as error:
        raise FetchError(str(error), passing=error.kind in _PASSING) from error
    if reply.status != 200:
        passing = reply.status >= 500 or reply.status in {408, 429}
        raise FetchError(f"the server answered {reply.status}", passing=passing)
    kind = reply.headers.get("content-type", "")
    return Document(address=reply.url, body=reply.body, content_type=kind)


def _conditions(validators: Validators) -> dict[str, str]:
    headers = {
        "if-none-match": validators.etag,
        "if-modified-since": validators.last_modified,
    }
    return {name: value for name, value in headers.items() if value}


def _renewed(validators: Validators, reply: Reply) -> Validators:
    return Validators(
        etag=reply.headers.get("etag", validators.etag),
        last_modified=reply.headers.get("last-modified", validators.last_modified),
        body_sha256=validators.body_sha256,
    )


def _refusal(reply: Reply, address: str, now: datetime) -> FetchError:
    if reply.status == 410:
        reason = (
            "the server says that it is gone for good (410); find its new address, or remove it"
        )
        return FetchError(reason, gone=True)
    hints = {
        401: "it wants a login",
        403: "it refuses us",
        404: "nothing is at this address",
        429: "it asks us to come less often",
    }
    hint = hints.get(reply.status, "its own fault" if reply.status >= 500 else "not what we asked")
    reason = f"the server answered {reply.status} ({hint})"
    wait = reply.retry_after(now)
    asks_for_rest = reply.status == 429 or (reply.status == 503 and bool(wait))
    tired = server_of(reply.url if reply.hops else address) if asks_for_rest else ""
    return FetchError(reason, retry_after=wait, tired=tired)
