"""Takes the main text out of a web page with trafilatura: its only room.

It is imported where it is needed: in the child processes, not in the desk's own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from rules import Entry
from watcher.links import canonical
from watcher.parse.document import Document, ParseError
from watcher.parse.fields import plausible
from watcher.parse.mended import mended

_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*(?:<!doctype\s+html|<html\b)", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(r"charset=[\"']?([\w-]+)", re.IGNORECASE)


def is_page(document: Document) -> bool:
    """Tell whether *document* is a web page rather than a feed."""
    return bool(_HTML.match(document.body[:4096].removeprefix(b"\xef\xbb\xbf")))


def parse_page(document: Document) -> tuple[Entry, ...]:
    """Return the page as one entry; its address identifies it.

    Raise ParseError where there is no readable text.
    """
    import trafilatura
    from trafilatura.settings import Document as Extracted

    found = trafilatura.bare_extraction(
        decoded(document), url=document.address, include_comments=False, with_metadata=True
    )
    text = (found.text or "").strip() if isinstance(found, Extracted) else ""
    if not isinstance(found, Extracted) or not text:
        raise ParseError("the page holds no readable text (it may need a browser, or a login)")
    entry = Entry(
        key=canonical(document.address),
        url=document.address,
        title=" ".join((found.title or "").split()) or text.splitlines()[0][:200],
        text=text,
        authors=tuple(filter(None, map(str.strip, (found.author or "").split(";")))),
        lang=found.language or "",
        published=_day(found.date),
    )
    return (entry,)


def article_text(document: Document) -> str:
    """Return the main text of the linked article in *document*, or "" where there is none."""
    if not is_page(document):
        return ""
    import trafilatura

    return mended(trafilatura.extract(decoded(document), include_comments=False) or "").strip()


def decoded(document: Document) -> str | bytes:
    """Return the page's text where its server named the encoding, else bytes to be guessed."""
    named = _CHARSET.search(document.content_type)
    if named:
        try:
            return document.body.decode(named[1], "replace")
        except LookupError:
            pass
    return document.body


def _day(written: str | None) -> datetime | None:
    try:
        return plausible(datetime.fromisoformat(written).replace(tzinfo=UTC)) if written else None
    except ValueError:
        return None
