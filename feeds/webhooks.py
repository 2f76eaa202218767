"""Signs deliveries and sends them, after Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import binascii
import random as chance
import re
import secrets as entropy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from feeds.outgoing import LONGEST_WAIT, Outgoing, OutgoingError, Reply
from store import Attempt, Delivery, EndpointSpec

STEPS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long to wait before each try, counted from the try before it."""


_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

Outcome = Literal["delivered", "retry", "failed", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How one try went: its record, and what becomes of the delivery."""

    attempt: Attempt
    outcome: Outcome
    retry_at: datetime | None = None


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


def next_attempt(
    attempts: int,
    now: datetime,
    *,
    retry_after: timedelta | None = None,
    random: Callable[[], float] = chance.random,
) -> datetime | None:
    """Return when to try a delivery again after *attempts* tries, or None to give up.

    The schedule is that of Standard Webhooks 1.0.0: ten tries over 75 h 35 min, each
    delayed further by up to a tenth at random. *retry_after*, what the receiver
    asked for, only lengthens a wait, up to 24 h. *random* gives numbers in [0, 1).

    >>> next_attempt(10, datetime(2026, 11, 24, tzinfo=UTC)) is None
    True
    """
    if attempts >= len(STEPS):
        return None
    wait = STEPS[attempts] * (1 + random() / 10)
    asked = min(retry_after or timedelta(0), LONGEST_WAIT)
    return now + max(wait, asked)


async def send(
    outgoing: Outgoing,
    endpoint: EndpointSpec,
    delivery: Delivery,
    now: datetime,
    *,
    random: Callable[[], float] = chance.random,
) -> Sent:
    """Return how one try of *delivery* went; whatever the world does, it raises nothing.

    2xx is an arrival, and 410 says that the endpoint is gone. All else, redirects
    too, is tried again by the schedule, until its last step. *now* is the true time:
    it is signed, and receivers refuse what is five minutes off.
    """
    headers = {
        "content-type": "application/json",
        **sign(endpoint.secrets, delivery.id, now, delivery.body),
    }
    begun = time.monotonic()
    try:
        answer: Reply | OutgoingError = await outgoing.post(
            endpoint.url, headers=headers, body=delivery.body, allow_private=endpoint.allow_private
        )
    except OutgoingError as error:
        answer = error
    took = timedelta(seconds=time.monotonic() - begun)
    return _judged(answer, endpoint, delivery.attempts + 1, now, took, random)


def _judged(
    answer: Reply | OutgoingError,
    endpoint: EndpointSpec,
    number: int,
    now: datetime,
    took: timedelta,
    random: Callable[[], float],
) -> Sent:
    if isinstance(answer, OutgoingError):
        attempt = Attempt(number=number, at=now, took=took, status=None, error=str(answer))
        return _again(attempt, next_attempt(number, now + took, random=random))
    attempt = Attempt(
        number=number,
        at=now,
        took=took,
        status=answer.status,
        error=_error(answer),
        response=_shown(answer, endpoint.secrets),
    )
    if 200 <= answer.status < 300:
        return Sent(attempt=attempt, outcome="delivered")
    if answer.status == HTTPStatus.GONE:
        return Sent(attempt=attempt, outcome="gone")
    wait = _retry_after(answer, now + took)
    return _again(attempt, next_attempt(number, now + took, retry_after=wait, random=random))


def _again(attempt: Attempt, retry_at: datetime | None) -> Sent:
    return Sent(attempt=attempt, outcome="retry" if retry_at else "failed", retry_at=retry_at)


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
    return _UNPRINTABLE.sub("�", host) if host else "another path"


def _shown(reply: Reply, secrets: Sequence[str]) -> str:
    """Return the status line and the start of the body, fit for a log and without secrets."""
    head = f"{reply.status} {_phrase(reply.status)}".rstrip()
    text = reply.body.decode("utf-8", "replace")
    for secret in secrets:
        # A receiver may repeat it with or without what stands around the key itself.
        key = secret.removeprefix(_PREFIX).rstrip("=")
        text = re.sub(f"(?:{_PREFIX})?{re.escape(key)}=*", "[secret]", text) if key else text
    return _UNPRINTABLE.sub("�", f"{head}\n\n{text}" if text else head)


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
