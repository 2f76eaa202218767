"""How one delivery is tried, whatever its endpoint is: the schedule, and what comes of each answer.

How a try goes out is told by a Sender, one for each kind of endpoint (`EndpointSpec.kind`).
A sender neither waits nor tries again: it makes one try and says how that went.
"""

from __future__ import annotations

import random as chance
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from feeds.outgoing import LONGEST_WAIT, OutgoingError
from store import Attempt, Delivery, EndpointSpec, Tried

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

LONGEST_LOGGED = 4096
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one try.

    *status* is that of an HTTP answer, where there was one. *response* is what was
    answered, for the log, and *error* says in a sentence why it is no arrival.
    *retry_after* is how long the receiver asks us to wait.
    """

    verdict: Literal["taken", "refused", "gone"]
    status: int | None = None
    error: str = ""
    response: str = ""
    retry_after: timedelta | None = None


class Sender(Protocol):
    """Makes one try of a delivery. It raises OutgoingError where no answer came at all.

    *now* is the true time. What it sends are the delivery's own bytes, headers and
    content type; what it keeps of an answer has no secrets (`logged`).
    """

    async def __call__(self, endpoint: EndpointSpec, delivery: Delivery, now: datetime) -> Answer:
        """Return what came of one try."""


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

    >>> from datetime import UTC
    >>> next_attempt(10, datetime(2026, 11, 24, tzinfo=UTC)) is None
    True
    """
    if attempts >= len(STEPS):
        return None
    wait = STEPS[attempts] * (1 + random() / 10)
    asked = min(retry_after or timedelta(0), LONGEST_WAIT)
    return now + max(wait, asked)


async def send(
    sender: Sender,
    endpoint: EndpointSpec,
    delivery: Delivery,
    now: datetime,
    *,
    random: Callable[[], float] = chance.random,
) -> Tried:
    """Return how one try of *delivery* went; whatever the world does, it raises nothing.

    What is neither an arrival nor the end of the endpoint is tried again by the
    schedule, until its last step.
    """
    begun = time.monotonic()
    try:
        answer = await sender(endpoint, delivery, now)
    except OutgoingError as error:
        answer = Answer(verdict="refused", error=str(error))
    took = timedelta(seconds=time.monotonic() - begun)
    number = delivery.attempts + 1
    attempt = Attempt(
        number=number,
        at=now,
        took=took,
        status=answer.status,
        error=answer.error,
        response=answer.response,
    )
    if answer.verdict == "taken":
        return Tried(delivery=delivery, attempt=attempt, outcome="delivered")
    if answer.verdict == "gone":
        return Tried(delivery=delivery, attempt=attempt, outcome="gone")
    retry_at = next_attempt(number, now + took, retry_after=answer.retry_after, random=random)
    return Tried(
        delivery=delivery,
        attempt=attempt,
        outcome="retry" if retry_at else "failed",
        retry_at=retry_at,
    )


def logged(text: str, secrets: Iterable[str] = ()) -> str:
    """Return *text* fit for a log: short, without control characters and without *secrets*."""
    for secret in secrets:
        text = text.replace(secret, "[secret]") if secret else text
    return _UNPRINTABLE.sub("�", text)[:LONGEST_LOGGED]
