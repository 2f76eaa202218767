"""What a source sent, before it is understood."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from rules import Entry
from store import NO_WISHES, Hub, Wishes


@dataclass(frozen=True, kw_only=True)
class Document:
    """The bytes that a source sent, decompressed, and what their server said of them.

    *address* is the URL that answered in the end, or the path of a local file.
    """

    address: str
    body: bytes
    content_type: str = ""

    @cached_property
    def sha256(self) -> str:
        """Return the hex digest of the body."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a document says: its title, its entries, when its feed asks not to be read, and who pushes it."""

    entries: tuple[Entry, ...]
    title: str = ""
    wishes: Wishes = NO_WISHES
    hub: Hub | None = None


class ParseError(Exception):
    """A document that holds no entries for us; the text says why and what to do."""
