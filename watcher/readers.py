"""Parses documents in child processes that are killed when one takes too long."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

import structlog

from watcher.children import Children
from watcher.parse import Document, ParseError

P = ParamSpec("P")
T = TypeVar("T")

QUICK = 2.0
"""How long a document may take before others: a usual feed takes a hundredth of a second."""

PATIENT = 20.0
"""How long one that took longer may take then."""

LARGE = 512 * 1024
"""A document with more bytes takes much memory, and waits its turn with others like it."""

_MEMORY = {"quick": 16 << 20, "patient": 40 << 20}
"""Beside what a child starts with. A well-formed feed of 10 MiB takes 30."""

_log = structlog.get_logger("readers")


class _FailedError(Exception):
    """A child that did not come to its end; the text is for a person."""


class Readers:
    """A few child processes that run pure functions; a hostile document costs only its child.

    A document that takes much time or memory is read in a child of another kind:
    there such documents wait for one another and keep no others waiting. *given_up*
    counts those that were not read in the end.
    """

    def __init__(
        self, workers: int = 2, *, quick: float | None = None, patient: float | None = None
    ) -> None:
        self._patience = patient or PATIENT
        self._quick = Children(workers, seconds=quick or QUICK, memory=_MEMORY["quick"])
        # What one document leaves behind in memory is not to be missing for the next.
        memory = _MEMORY["patient"]
        self._patient = Children(1, seconds=self._patience, memory=memory, tasks=1)
        self.given_up = 0

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, run in a child process.

        Raise ParseError, where it does, or took too long, or its process died, or it
        stumbled over what nobody thought of: a source must not fall silent by that.
        """
        if not any(isinstance(one, Document) and len(one.body) > LARGE for one in args):
            with suppress(_FailedError):
                return await self._in(self._quick, function, *args, **kwargs)
        try:
            return await self._in(self._patient, function, *args, **kwargs)
        except _FailedError as error:
            self.given_up += 1
            raise ParseError(str(error)) from error

    async def _in(
        self,
        children: Children,
        function: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return await children.call(function, *args, **kwargs)
        except ParseError:
            raise
        except TimeoutError as error:
            reason = f"the document took more than {self._patience:g} s to read and was given up"
            raise _FailedError(reason) from error
        except (ChildProcessError, MemoryError) as error:
            raise _FailedError(
                "the document took too much memory to read and was given up"
            ) from error
        except Exception as error:
            _log.exception("reader stumbled")
            reason = f"the document makes our reader stumble ({type(error).__name__}); report it"
            raise _FailedError(reason) from error

    def close(self) -> None:
        """End the child processes, whatever they do."""
        self._quick.close()
        self._patient.close()
