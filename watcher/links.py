"""The canonical form of a link, and the key of an entry, so that one article is one."""

from __future__ import annotations

from hashlib import blake2b
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from rules import Entry

_TRACKING = frozenset(
    "fbclid gclid dclid msclkid igshid mc_cid mc_eid yclid _ga ref_src outputType".casefold().split()
)
_PORTS = {"http": 80, "https": 443}


def same_link(url: str) -> str:
    """Return what is the same for all addresses of one article: no scheme, no `www.`, no last slash.

    >>> same_link("http://www.Example.org/a/?utm_medium=rss")
    '//example.org/a'
    """
    link = canonical(url)
    scheme, _, rest = link.partition("://")
    if scheme not in _PORTS:
        return link
    address, question, query = rest.removeprefix("www.").partition("?")
    return f"//{address.rstrip('/')}{question}{query}"


def key_of(guid: str, link: str, entry: Entry) -> str:
    """Return an entry's identity in its source: its raw guid, its canonical link, or its hash."""
    return guid.strip() or canonical(link) or f"sha256:{entry.sha256}"


def item_key(guid: str, link: str, entry: Entry) -> str:
    """Return an entry's identity in a feed: as `key_of`, but a link alone is none.

    Notices may all lead to a home page, and posts to places in one page: beside the
    link goes the title, or what stands for it.
    """
    if guid.strip() or not link:
        return key_of(guid, link, entry)
    said = f"{link.partition('#')[2]}\n{entry.title or entry.sha256}"
    mark = blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{canonical(link)} {mark}"


def canonical(url: str) -> str:
    """Return *url* without tracking marks, fragment, default port and letter case of the host.

    >>> canonical("HTTPS://Example.org:443/a?utm_source=x&id=7#top")
    'https://example.org/a?id=7'
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url.strip()
    if parts.scheme.lower() not in _PORTS or not parts.hostname:
        return url.strip()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port not in (None, _PORTS[parts.scheme.lower()]):
        host = f"{host}:{port}"
    query = urlencode(
        [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if not name.casefold().startswith("utm_") and name.casefold() not in _TRACKING
        ]
    )
    return urlunsplit((parts.scheme.lower(), host, parts.path or "/", query, ""))
