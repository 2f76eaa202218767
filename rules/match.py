"""A match and the reasons for it."""

from __future__ import annotations

import msgspec


class Because(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One place in an entry that convinced a rule.

    *term* is the part of the query that held, as written. *field* names the
    entry's field; *start* and *end* are character offsets into that field's
    own text, and *quote* is what stands there. *before* and *after* are the
    words around the quote, cut at word boundaries.
    """

    term: str
    field: str
    start: int
    end: int
    quote: str
    before: str = ""
    after: str = ""

    @property
    def context(self) -> str:
        """Return the quote with the words around it."""
        return f"{self.before}{self.quote}{self.after}"


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A rule said yes to an entry.

    *version* tells which text of the rule it was. *because* is never empty and
    is ordered by field (title, summary, text, others), then by offset.
    """

    rule: str
    version: str
    because: tuple[Because, ...]
