"""Tokens of private feeds: who may read which, by the hash of what each reader has."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from sqlmodel import Session, col, select

from store import values
from store.nouns import FeedToken
from store.rows import FeedTokenRow


def add(session: Session, feed: str, label: str, sha256: str, now: datetime) -> FeedToken:
    """Store a token of *feed* by its hash."""
    row = FeedTokenRow(
        id=secrets.token_hex(4),
        feed=feed,
        label=values.storable(label),
        sha256=sha256,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return values.feed_token(row)


def every(session: Session) -> tuple[FeedToken, ...]:
    """Return all tokens, by feed and age."""
    rows = session.exec(
        select(FeedTokenRow).order_by(col(FeedTokenRow.feed), col(FeedTokenRow.created_at))
    )
    return tuple(map(values.feed_token, rows))


def feed_of(session: Session, sha256: str) -> str | None:
    """Return the feed that the token with this hash opens."""
    row = session.exec(select(FeedTokenRow).where(FeedTokenRow.sha256 == sha256)).first()
    return row.feed if row and hmac.compare_digest(row.sha256, sha256) else None


def revoke(session: Session, identity: str) -> FeedToken | None:
    """Forget a token; return it, or None where there is no such one."""
    row = session.get(FeedTokenRow, identity)
    if row is None:
        return None
    session.delete(row)
    return values.feed_token(row)
