"""Makes what sources wrote fit for publication: legal in XML, safe as a link, right as a tag."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote, urlsplit, urlunsplit

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->")
_MARKUP = re.compile(rf"{_TAG.pattern}|&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_DEEPEST = 5
"""So often was a text escaped at most that somebody wanted to be read."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SCHEME = re.compile(r"([A-Za-z0-9][A-Za-z0-9+-]{1,24})://")
_LANGUAGES = frozenset(
    [
        "aa",
        "ab",
        "ae",
        "af",
        "ak",
        "am",
        "an",
        "ar",
        "as",
        "av",
        "ay",
        "az",
        "ba",
        "be",
        "bg",
        "bh",
        "bi",
        "bm",
        "bn",
        "bo",
        "br",
        "bs",
        "ca",
        "ce",
        "ch",
        "co",
        "cr",
        "cs",
        "cu",
        "cv",
        "cy",
        "da",
        "de",
        "dv",
        "dz",
        "ee",
        "el",
        "en",
        "eo",
        "es",
        "et",
        "eu",
        "fa",
        "ff",
        "fi",
        "fj",
        "fo",
        "fr",
        "fy",
        "ga",
        "gd",
        "gl",
        "gn",
        "gu",
        "gv",
        "ha",
        "he",
        "hi",
        "ho",
        "hr",
        "ht",
        "hu",
        "hy",
        "hz",
        "ia",
        "id",
        "ie",
        "ig",
        "ii",
        "ik",
        "io",
        "is",
        "it",
        "iu",
        "ja",
        "jv",
        "ka",
        "kg",
        "ki",
        "kj",
        "kk",
        "kl",
        "km",
        "kn",
        "ko",
        "kr",
        "ks",
        "ku",
        "kv",
        "kw",
        "ky",
        "la",
        "lb",
        "lg",
        "li",
        "ln",
        "lo",
        "lt",
        "lu",
        "lv",
        "mg",
        "mh",
        "mi",
        "mk",
        "ml",
        "mn",
        "mr",
        "ms",
        "mt",
        "my",
        "na",
        "nb",
        "nd",
        "ne",
        "ng",
        "nl",
        "nn",
        "no",
        "nr",
        "nv",
        "ny",
        "oc",
        "oj",
        "om",
        "or",
        "os",
        "pa",
        "pi",
        "pl",
        "ps",
        "pt",
        "qu",
        "rm",
        "rn",
        "ro",
        "ru",
        "rw",
        "sa",
        "sc",
        "sd",
        "se",
        "sg",
        "si",
        "sk",
        "sl",
        "sm",
        "sn",
        "so",
        "sq",
        "sr",
        "ss",
        "st",
        "su",
        "sv",
        "sw",
        "ta",
        "te",
        "tg",
        "th",
        "ti",
        "tk",
        "tl",
        "tn",
        "to",
        "tr",
        "ts",
        "tt",
        "tw",
        "ty",
        "ug",
        "uk",
        "ur",
        "uz",
        "ve",
        "vi",
        "vo",
        "wa",
        "wo",
        "xh",
        "yi",
        "yo",
        "za",
        "zh",
        "zu",
    ]
)
"""The languages of two letters (ISO 639-1); those of three are too many to be checked."""

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


def untagged(text: str) -> str:
    """Return *text* as one line of plain words, "" where it shows nothing.

    Readers differ on markup in titles and names, and validators warn of it.

    >>> untagged("<b>Ley</b> &amp; orden: 3 < 5")
    'Ley & orden: 3 < 5'
    """
    line = one_line(text)
    if "<" not in line and "&" not in line and line.isprintable():
        return line
    for _ in range(_DEEPEST):
        if not _MARKUP.search(line):
            break
        line = one_line(unescape(_TAG.sub("", line)))
    else:
        line = one_line(_MARKUP.sub("", line).replace("<", "").replace("&", ""))
    return line if line.isprintable() or any(map(str.isprintable, line.split())) else ""


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


def is_channel(address: str) -> bool:
    """Tell whether *address* is one of a channel (mail, a chat), and not a web address."""
    return scheme(address) not in {"", "http", "https"}


def language(tag: str) -> str:
    """Return *tag* where it is a BCP 47 language tag, else "".

    >>> language("es_PE"), language("Spanish!")
    ('es-PE', '')
    """
    tag = tag.strip().replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        return ""
    name, dash, rest = tag.partition("-")
    is_known = len(name) == 3 or name.lower() in _LANGUAGES
    return f"{name.lower()}{dash}{rest}" if is_known else ""
