"""The sender of channels: mail, chats and whatever else Apprise knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import ParamSpec, Protocol, TypeVar

import structlog

from feeds.guard import OutgoingError
from feeds.sending import Answer
from store import Delivery, EndpointSpec, MessageTemplate

P = ParamSpec("P")
T = TypeVar("T")

SERVICES = "feeds.services"
"""What the child processes import, and nobody else without need: it takes its time."""

_log = structlog.get_logger("channels")


class Run(Protocol):
    """Runs a function in a child process of the channels.

    Raise TimeoutError where that takes too long, ChildProcessError where it dies.
    """

    def __call__(
        self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Awaitable[T]:
        """Return what *function* returns."""


class Channels:
    """The Sender of channels: what the service took has arrived, all else is refused."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def __call__(self, endpoint: EndpointSpec, delivery: Delivery, now: datetime) -> Answer:
        """Return what came of it; raise OutgoingError where the service did not answer in time."""
        try:
            answer, problem = await self._run(
                deliver, endpoint.url, delivery.body, endpoint.templates, endpoint.allow_private
            )
        except TimeoutError as error:
            raise OutgoingError("timeout", "the service did not answer in time") from error
        except ChildProcessError as error:
            raise OutgoingError("protocol", "the process that was to send it died") from error
        if problem:
            _log.warning("template failed", endpoint=endpoint.name, id=delivery.id, reason=problem)
        return answer


def prepare() -> None:
    """Prepare a child process for `deliver`."""
    from feeds.services import confined

    confined()


def deliver(
    address: str,
    body: bytes,
    templates: Mapping[str, MessageTemplate],
    allow_private: bool,  # noqa: FBT001 -- passed on by position
) -> tuple[Answer, str]:
    """Return what came of sending *body*, in a child process, and why a template failed, or ""."""
    from feeds.services import delivered

    return delivered(address, body, templates, allow_private=allow_private)
