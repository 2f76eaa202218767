"""Parses documents in child processes that are killed when one takes too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from watcher.children import Children
from watcher.parse import ParseError

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 20.0
"""How long one document may take; a usual feed takes a hundredth of a second."""


class Readers:
    """A few child processes that run pure functions; a hostile document costs only its child."""

    def __init__(self, workers: int = 2, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._children = Children(workers, seconds=seconds)

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, run in a child process.

        Raise what it raises; ParseError where it took too long or its process died.
        """
        try:
            return await self._children.call(function, *args, **kwargs)
        except TimeoutError as error:
            message = f"the document took more than {self._seconds:g} s to read and was given up"
            raise ParseError(message) from error
        except (ChildProcessError, MemoryError) as error:
            raise ParseError(
                "the document took too much memory to read and was given up"
            ) from error

    def close(self) -> None:
        """End the child processes, whatever they do."""
        self._children.close()
