"""Compiles the regexes of queries with RE2, whose time grows with the text alone: its only room."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

from rules.fold import plain

LONGEST = 1_000
LARGEST = 1_000
"""Steps of a regex's program. A text may be made so that each of its characters costs them all."""


@lru_cache(maxsize=4096)
def pattern_of(text: str) -> Any:
    """Return the compiled regex of a query: blind to case and accents."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True  # only the whole is asked for, and that is told much sooner
    options.max_mem = 4 << 20
    return re2.compile(plain(text).text if "&" not in text else text, options)


class Searched:
    """A text for regexes to be looked for in: it is encoded once for all of them."""

    def __init__(self, text: str) -> None:
        self._bytes = text.encode("utf-8", "replace")

    def places(self, regex: str) -> Iterator[tuple[int, int]]:
        """Yield the offsets of each place of *regex* that is not empty, as they are found."""
        last = before = 0
        for match in pattern_of(regex).finditer(self._bytes):
            start, end = match.span()
            if start < end:
                before += len(self._bytes[last:start].decode())
                last = start
                yield before, before + len(self._bytes[start:end].decode())


def objection(text: str) -> tuple[str, str] | None:
    """Return why the regex *text* cannot be used, and what to do; None where it can."""
    if len(text) > LONGEST:
        return "the regex is longer than 1,000 characters", "make it shorter"
    try:
        pattern = pattern_of(text)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        return f"the regex cannot be used: {reason}", "RE2 has no lookaround and no back references"
    if pattern.programsize > LARGEST:
        hint = "smaller numbers in {…}, or NEAR: .{0,99} alone takes 900"
        return f"the regex takes {pattern.programsize} steps a character, of {LARGEST:,}", hint
    if pattern.search("") is not None:
        return "the regex matches an empty text, so everything", "use + for *"
    return None
