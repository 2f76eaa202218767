"""The sender of webhooks: signs deliveries and posts them, after Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import binascii
import secrets as entropy
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from feeds.outgoing import Outgoing, Reply
from feeds.sending import Answer, logged
from store import Delivery, EndpointSpec

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64


def new_secret() -> str:
    """Return a new signing secret of 32 random bytes."""
    return _PREFIX + base64.b64encode(entropy.token_bytes(32)).decode()


def check_secret(secret: str) -> str | None:
    """Return why *secret* cannot sign, or None if it can; the secret is not in the reason.

    It is base64 of 24 to 64 bytes, with or without `whsec_` in front.

    >>> check_secret("whsec_c2hvcnQ=")
    'it has 5 bytes, and must have 24 to 64'
    """
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return "it is not base64 (whsec_ and then base64 of 24 to 64 random bytes)"
    if not _SHORTEST <= len(key) <= _LONGEST:
        return f"it has {len(key)} bytes, and must have {_SHORTEST} to {_LONGEST}"
    return None


def sign(secrets: Sequence[str], webhook_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the three headers that prove to a receiver who sent *body*, and when.

    There is one signature for each of *secrets*, so that a receiver can change from
    one to the next without losing a delivery. *body* is UTF-8 text.
    """
    # The package replaces a time zone instead of converting it, and cuts to whole seconds:
    # it must be given the very instant, in UTC, that the header names.
    seconds = int(at.timestamp())
    instant = datetime.fromtimestamp(seconds, UTC)
    text = body.decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(
            Webhook(key).sign(webhook_id, instant, text) for key in secrets
        ),
    }


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
    return logged("\n".join([*head, "", body] if body else head), _spellings(secrets))


def _spellings(secrets: Sequence[str]) -> Iterator[str]:
    """Yield how a receiver may repeat *secrets*: with or without what stands around the key."""
    for secret in secrets:
        key = secret.removeprefix(_PREFIX).rstrip("=")
        padded = key + "=" * (-len(key) % 4)
        yield from (_PREFIX + padded, padded, _PREFIX + key, key)


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
