"""A document as it is served, and the answer to a request for it (RFC 9110, 8 and 13)."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

_Header = tuple[bytes, bytes]

_PLAIN = "application/xml; charset=utf-8"
_IN_BROWSERS = {
    "application/rss+xml; charset=utf-8": _PLAIN,
    "application/atom+xml; charset=utf-8": _PLAIN,
    "application/feed+json": "application/json",
}
"""Browsers offer feeds for download, but show what is called XML or JSON."""

_VARY = b"accept-encoding, sec-fetch-dest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Bytes with their hash and their compressed form; *changed* is when what they say changed.

    *link* is the value of the header Link.
    """

    body: bytes = field(repr=False)
    zipped: bytes = field(repr=False)
    media_type: str
    changed: datetime
    etag: str
    link: str = ""
    _heads: dict[tuple[bool, bool], tuple[bytes, list[_Header], list[_Header]]] = field(repr=False)

    @classmethod
    def of(
        cls,
        body: bytes,
        media_type: str,
        changed: datetime,
        *,
        cache: str = "public, max-age=60",
        link: str = "",
    ) -> Document:
        """Return *body* ready to be served; *changed* is aware, *cache* is for Cache-Control."""
        etag = hashlib.sha256(body).hexdigest()[:32]
        changed = changed.astimezone(UTC).replace(microsecond=0)
        common = [
            (b"last-modified", format_datetime(changed, usegmt=True).encode()),
            (b"cache-control", cache.encode()),
            (b"vary", _VARY),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]
        if link:
            common.append((b"link", link.encode()))
        if cache.startswith("private"):
            common.append((b"x-robots-tag", b"noindex"))
        zipped = gzip.compress(body, 6, mtime=0)
        heads = {}
        for is_zipped in (False, True):
            tag = f'"{etag}-gzip"' if is_zipped else f'"{etag}"'
            for in_browser in (False, True):
                shown = _IN_BROWSERS.get(media_type, media_type) if in_browser else media_type
                unchanged = [(b"etag", tag.encode()), *common]
                whole = [
                    *unchanged,
                    (b"content-type", shown.encode()),
                    (b"content-length", str(len(zipped if is_zipped else body)).encode()),
                    *([(b"content-encoding", b"gzip")] if is_zipped else []),
                ]
                heads[is_zipped, in_browser] = (tag.encode(), unchanged, whole)
        return cls(
            body=body,
            zipped=zipped,
            media_type=media_type,
            changed=changed,
            etag=etag,
            link=link,
            _heads=heads,
        )

    def answer(self, asked: Iterable[_Header]) -> tuple[int, list[_Header], bytes]:
        """Return status, headers and body for a request with the headers *asked*, in small letters."""
        accepted, tags, since, in_browser = b"", None, None, False
        for name, value in asked:
            if name == b"accept-encoding":
                accepted = accepted + b"," + value if accepted else value
            elif name == b"if-none-match":
                tags = tags + b"," + value if tags else value
            elif name == b"if-modified-since":
                since = value
            elif name == b"sec-fetch-dest":
                in_browser = value == b"document"
        is_zipped = takes_gzip(accepted)
        tag, unchanged, whole = self._heads[is_zipped, in_browser]
        if self._is_current(tags, since, tag):
            return 304, unchanged, b""
        return 200, whole, self.zipped if is_zipped else self.body

    def _is_current(self, tags: bytes | None, since: bytes | None, mine: bytes) -> bool:
        """Tell whether the client has these bytes; If-None-Match wins over If-Modified-Since."""
        if tags is not None:
            if tags == mine:
                return True
            given = {tag.strip().removeprefix(b"W/").strip(b'"') for tag in tags.split(b",")}
            etag = self.etag.encode()
            return b"*" in given or bool(given & {etag, etag + b"-gzip"})
        if since is None:
            return False
        try:
            return parsedate_to_datetime(since.decode("latin-1")) >= self.changed
        except (ValueError, TypeError, OverflowError):
            return False


@lru_cache(maxsize=256)
def takes_gzip(accepted: bytes) -> bool:
    """Tell whether the header Accept-Encoding allows gzip (RFC 9110, 12.5.3).

    >>> takes_gzip(b"br, gzip;q=0.5"), takes_gzip(b"gzip;q=0")
    (True, False)
    """
    weights = {}
    for part in accepted.decode("latin-1").lower().split(","):
        name, _, parameter = part.strip().partition(";")
        weights[name.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
