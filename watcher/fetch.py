"""Fetches one source politely: conditional, bounded in time and size, honest about who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from feeds.outgoing import Outgoing, OutgoingError, Reply
from store import Source, Validators
from watcher.parse import Document

ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, text/html;q=0.6, application/json;q=0.5, */*;q=0.1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The source has nothing new; *validators* are what to ask with next time."""

    validators: Validators


class FetchError(Exception):
    """A source that could not be read; the text is its reason in words for a person.

    *retry_after* is how long the server asks us to stay away; *gone* means 410.
    """

    def __init__(
        self, reason: str, *, retry_after: timedelta | None = None, gone: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.gone = gone


def user_agent(version: str, contact: str) -> str:
    """Return how we name ourselves to servers, with an address to write to.

    >>> user_agent("0.1.0", "desk@example.org")
    'tocsin/0.1.0 (feed reader; desk@example.org)'
    """
    return f"tocsin/{version} (feed reader; {contact or 'no contact given'})"


async def fetch(outgoing: Outgoing, source: Source, now: datetime) -> Document | NotModified:
    """Return what the source's server sends, or NotModified; raise FetchError."""
    spec = source.spec
    headers = {"accept": ACCEPT, **_conditions(source.validators)}
    try:
        reply = await outgoing.get(spec.address, headers=headers, allow_private=spec.allow_private)
    except OutgoingError as error:
        raise FetchError(str(error)) from error
    if reply.status == 304 and source.validators.etag + source.validators.last_modified:
        return NotModified(validators=_renewed(source.validators, reply))
    if not 200 <= reply.status < 300:
        raise _refusal(reply, now)
    return Document(
        address=reply.url,
        body=reply.body,
        content_type=reply.headers.get("content-type", ""),
        etag=reply.headers.get("etag", ""),
        last_modified=reply.headers.get("last-modified", ""),
    )


async def fetch_page(outgoing: Outgoing, url: str, *, allow_private: bool) -> Document:
    """Return the page at *url*, an article that a feed links to; raise FetchError."""
    try:
        reply = await outgoing.get(
            url, headers={"accept": "text/html, */*;q=0.1"}, allow_private=allow_private
        )
    except OutgoingError as error:
        raise FetchError(str(error)) from error
    if reply.status != 200:
        raise FetchError(f"the server answered {reply.status}")
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


def _refusal(reply: Reply, now: datetime) -> FetchError:
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
    return FetchError(reason, retry_after=reply.retry_after(now))
