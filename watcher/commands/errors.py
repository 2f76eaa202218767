"""Which errors are the operator's to mend: one clear line and exit code 2."""

from __future__ import annotations


class UsageError(Exception):
    """What was asked for on the command line cannot be done; the text says what can."""


def operators() -> tuple[type[Exception], ...]:
    """Return the errors that are told in one line, without a traceback."""
    from feeds.publish import PublishError
    from store.errors import StoreError
    from watcher.desk import NoDeskError
    from watcher.serving import PortTakenError

    return (UsageError, NoDeskError, PortTakenError, PublishError, StoreError)
