"""The fields of an entry, made from what feeds write into them."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import struct_time
from urllib.parse import urljoin, urlsplit

from rules import Entry
from rules.visible import is_markup, visible_text
from watcher.links import canonical, same_link
from watcher.parse.mended import mended

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_LONGEST_FIELD = 1_000_000


def shown(written: str | None) -> str:
    """Return what a reader sees of *written*, which may be text or HTML; 1 MB at most."""
    text = mended((written or "")[:_LONGEST_FIELD])
    return visible_text(text) if is_markup(text) else text.strip()


def shown_title(written: str | None) -> str:
    """Return a title as one line of visible text."""
    return " ".join(shown(written).split())


def instant(parsed: struct_time | None) -> datetime | None:
    """Return the UTC instant that feedparser read, or None where it is absent or absurd."""
    if parsed is None:
        return None
    try:
        return plausible(datetime.fromtimestamp(timegm(parsed), UTC))
    except (OverflowError, ValueError, OSError):
        return None


def plausible(moment: datetime | None) -> datetime | None:
    """Return *moment* in UTC, or None where it lies before there were feeds or in another age."""
    if moment is None:
        return None
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware if _EARLIEST <= aware < _LATEST else None


def iso_instant(written: object) -> datetime | None:
    """Return the instant of an RFC 3339 text, or None."""
    if not isinstance(written, str):
        return None
    try:
        return plausible(datetime.fromisoformat(written.strip()))
    except (ValueError, OverflowError):
        return None


def absolute(base: str, link: str | None) -> str:
    """Return *link* made absolute against *base*, or "" where it is no http(s) address."""
    if not link or not link.strip():
        return ""
    try:
        joined = urljoin(base, link.strip())
        return joined if urlsplit(joined).scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def texts(summary: str, content: str) -> tuple[str, str]:
    """Return an entry's summary and text: the summary is dropped where the text begins with it."""
    if not content:
        return "", summary
    lead = summary[:200].rstrip(" .…[]")
    return ("" if content.startswith(lead) else summary), content


def told_apart(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the entries of one document, each once.

    One key with two links is two entries; one link with one text is one entry,
    whatever its keys.
    """
    by_key: dict[str, Entry] = {}
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        content = (same_link(entry.url), entry.sha256)
        if entry.url and content in seen:
            continue
        seen.add(content)
        first = by_key.get(entry.key)
        if first is None:
            by_key[entry.key] = entry
        elif canonical(first.url) != canonical(entry.url):
            other = replace(entry, key=f"{entry.key} {canonical(entry.url)}")
            by_key.setdefault(other.key, other)
    return tuple(by_key.values())
