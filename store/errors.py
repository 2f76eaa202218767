"""What is wrong with a store, in words for those who can mend it; costs no database."""

from __future__ import annotations

from rules import OperatorError


class StoreError(OperatorError):
    """The store cannot be used; the text says why and what to do."""


class StoreBusyError(StoreError):
    """Another process held the store for longer than we wait."""
