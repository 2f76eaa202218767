"""What is asked for on the command line, and cannot be done."""

from __future__ import annotations

from rules import OperatorError


class UsageError(OperatorError):
    """What was asked for on the command line cannot be done; the text says what can."""
