"""The sender of webhooks: signs deliveries and posts them, after Standard Webhooks 1.0.0."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from feeds.outgoing import Outgoing, Reply
from feeds.sending import Answer, logged
from feeds.signing import sign, spellings
from store import Delivery, EndpointSpec


class Webhooks:
    """The Sender of webhooks: signs, posts, and judges the answer.

    2xx is an arrival, and 410 says that the endpoint is gone. All else, redirects
    too, is refused. An endpoint without secrets gets no signature.
    """

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    async def __call__(self, endpoint: EndpointSpec, delivery: Delivery, now: datetime) -> Answer:
        """Return what the receiver answered; raise OutgoingError where it did not.

        *now* is signed, and receivers refuse what is five minutes off.
        """
        keys = endpoint.keys(now)
        signed = sign(keys, delivery.id, now, delivery.body) if keys else {}
        reply = await self._outgoing.post(
            endpoint.url,
            headers={"content-type": delivery.content_type, **delivery.headers, **signed},
            body=delivery.body,
            allow_private=endpoint.allow_private,
            lane=endpoint.name,
            written=endpoint.url,
        )
        return answer_of(reply, endpoint.secrets, now)


def answer_of(reply: Reply, secrets: Sequence[str], now: datetime) -> Answer:
    """Return what a receiver's *reply* means; what is kept of it shows none of the *secrets*."""
    return Answer(
        verdict=_verdict(reply.status),
        status=reply.status,
        error=_error(reply),
        response=_shown(reply, secrets),
        retry_after=_retry_after(reply, now),
    )


def _verdict(status: int) -> Literal["taken", "refused", "gone"]:
    if 200 <= status < 300:
        return "taken"
    return "gone" if status == HTTPStatus.GONE else "refused"


def _error(reply: Reply) -> str:
    if 200 <= reply.status < 300:
        return ""
    if 300 <= reply.status < 400:
        return f"it redirects to {_redirected(reply)}, which is not followed; correct the address"
    return f"it answered {reply.status} {_phrase(reply.status)}".rstrip()


def _redirected(reply: Reply) -> str:
    try:
        host = urlsplit(reply.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return logged(host) if host else "another path"


_SHOWN_HEADERS = ("content-type", "date", "retry-after", "server", "via", "x-request-id")
"""What helps to find the request in the receiver's log, or who stands before it."""

_LONGEST_HEADER = 200


def _shown(reply: Reply, secrets: Sequence[str]) -> str:
    """Return status line, some headers and the start of the body, for the log."""
    head = [f"{reply.status} {_phrase(reply.status)}".rstrip()]
    head += [
        f"{name}: {reply.headers[name][:_LONGEST_HEADER]}"
        for name in _SHOWN_HEADERS
        if name in reply.headers
    ]
    body = reply.body.decode("utf-8", "replace")
    return logged("\n".join([*head, "", body] if body else head), spellings(secrets))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(reply: Reply, now: datetime) -> timedelta | None:
    """Return how long the receiver asks us to wait, where its status means that."""
    if reply.status not in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return None
    return reply.retry_after(now)
