"""An entry: one article as published, with the fields that rules look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One article as published.

    *key* identifies it within its *source*. *title*, *summary* and *text* are
    visible text, never markup. *published* and *updated* are aware UTC instants
    as the source gave them, or None. *outlet* is whose it is, where the source
    passes it on and says so.
    """

    key: str
    source: str = ""
    url: str = ""
    title: str = ""
    summary: str = ""
    text: str = ""
    authors: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    lang: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    outlet: str = ""

    @property
    def dated(self) -> datetime | None:
        """Return when it came out, as far as it says: many Atom feeds say when it was updated alone."""
        return self.published or self.updated

    @property
    def sha256(self) -> str:
        """Return the hex digest of what a reader sees; it changes when the text was edited."""
        content = "\x00".join((self.title, self.summary, self.text))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
