"""Private feeds: each reader has an address with a token of its own, of which we keep the hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

from feeds.catalogue import Catalogue
from store.database import Database

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
PREFIX = "/private/"

Opener = Callable[[str], Catalogue | None]
"""Gives what a token opens, or None."""


def new_token() -> str:
    """Return a new token: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Return what is stored of *token*. It is random enough that no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def opener(database: Database, catalogue: Callable[[], Catalogue]) -> Opener:
    """Return the function that looks a token up, each time anew: a revoked one opens nothing.

    What is compared is a hash, so that how long it takes tells nothing of a token.
    """

    def opened(token: str) -> Catalogue | None:
        if not _TOKEN.fullmatch(token):
            return None
        name = database.feed_of_token(digest(token))
        return None if name is None else catalogue().behind(name, f"{PREFIX}{token}")

    return opened


def split(path: str) -> tuple[str, str]:
    """Return the token in a private path, and the rest of the path.

    >>> split("/private/abc/feeds/peru.atom")
    ('abc', '/feeds/peru.atom')
    """
    token, _, rest = path.removeprefix(PREFIX).partition("/")
    return token, f"/{rest}"
