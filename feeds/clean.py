"""Makes what sources wrote fit for publication: legal in XML, safe as a link, right as a tag."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SCHEME = re.compile(r"([A-Za-z0-9][A-Za-z0-9+-]{1,24})://")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = "/%:@!$&'()*+,;=~-._"
_USUAL = re.compile(
    r"https?://[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+"
    r"(?:/[A-Za-z0-9/:@!$&'()*+,;=~._-]*)?(?:\?[A-Za-z0-9/:@!$&'()*+,;=~._?-]*)?"
)
"""What needs no repair, as nearly all links of articles."""

_LONGEST_ADDRESS = 2000


def plain(text: str) -> str:
    r"""Return *text* without the characters that XML 1.0 or its readers refuse.

    >>> plain("a\x00b\ud800c")
    'abc'
    """
    return text if text.isprintable() else _ILLEGAL.sub("", text)


def one_line(text: str) -> str:
    """Return *text* as one line, fit for a title."""
    return " ".join(plain(text).split())


def shortened(text: str, longest: int) -> str:
    """Return *text*, cut at a word to at most *longest* characters.

    >>> shortened("one two three", 9)
    'one two…'
    """
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    words, space, _ = cut.rpartition(" ")
    return f"{words if space and len(words) > longest // 2 else cut}…"


def web_link(address: str) -> str:
    """Return *address* as an ASCII http(s) URI, or "" where it is nothing to be followed.

    >>> web_link("https://münchen.example/ñ?q=a b")
    'https://xn--mnchen-3ya.example/%C3%B1?q=a%20b'
    >>> web_link("javascript:alert(1)")
    ''
    """
    if len(address) <= _LONGEST_ADDRESS and _USUAL.fullmatch(address):
        return address
    try:
        parts = urlsplit(plain(address).strip())
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
    except (ValueError, UnicodeError):
        return ""
    if parts.scheme.lower() not in {"http", "https"} or not host or len(address) > _LONGEST_ADDRESS:
        return ""
    place = f"[{host}]" if ":" in host else host
    path, query, fragment = (
        quote(_STRAY_PERCENT.sub("%25", part), safe=_KEPT + ("?" if index else ""))
        for index, part in enumerate((parts.path, parts.query, parts.fragment))
    )
    return urlunsplit((parts.scheme.lower(), place + port, path, query, fragment))


def scheme(address: str) -> str:
    """Return what *address* begins with, in small letters, or "" where it names nothing.

    >>> scheme("HTTPS://example.org"), scheme("example.org")
    ('https', '')
    """
    found = _SCHEME.match(address)
    return found[1].lower() if found else ""


def language(tag: str) -> str:
    """Return *tag* where it has the form of a BCP 47 language tag, else "".

    >>> language("es_PE"), language("Spanish!")
    ('es-PE', '')
    """
    tag = tag.strip().replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else ""
