"""Makes a feed legible whose bytes were spoilt on their way: packed, preceded, wrongly declared.

feedparser would refuse such a feed, or read it with wrong letters. What is
mended is what its writer certainly did not mean; on doubt the bytes stay.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import replace

from feeds.guard import OutgoingError
from feeds.inflation import Inflation
from watcher.parse.document import Document, ParseError

_LARGEST = 10 * 1024 * 1024
_HEAD = 4096
_BOM = b"\xef\xbb\xbf"
_ROOT = re.compile(rb"<(?:\w+:)?(?:rss|feed|rdf|channel|urlset)\b", re.IGNORECASE)
_DECLARED = re.compile(rb"(<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"'])([^\"'>]{1,40})")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_WIDE = re.compile(rb"(?:utf-?(?:16|32)|ucs-?[24])(?:[bl]e)?", re.IGNORECASE)
_UTF8 = frozenset({"", "utf-8", "utf8"})
_HALF = (
    rb"(?:[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2}"
    rb"|0*5(?:529[6-9]|5[3-9]\d\d|6\d{3}|7[0-2]\d\d|73[0-3]\d|734[0-3]))(?!\w);?"
)
_BEYOND = rb"(?:[xX]0*[1-9a-fA-F][0-9a-fA-F]{5,}|0*[1-9]\d{6,})(?!\w);?"
# It begins with two letters that are looked for at once, not with a choice.
_NO_CHARACTER = re.compile(rb"&#(?:%b(?:&#%b)*|%b)" % (_HALF, _HALF, _BEYOND))
_NUMBER = re.compile(rb"&#(\w+)")


def legible(document: Document) -> Document:
    """Return *document* as it was meant; raise ParseError where it cannot be unpacked."""
    body = _unpacked(document.body)
    body = _begun(body)
    body = _declared(body)
    body = _decoded(body, document.content_type)
    body = _NO_CHARACTER.sub(_character, body)
    return document if body is document.body else replace(document, body=body)


def _unpacked(body: bytes) -> bytes:
    """Return what a gzip file holds, as of a sitemap or of a server that forgot to say so."""
    if not body.startswith(b"\x1f\x8b"):
        return body
    inflation = Inflation("gzip")
    unpacked = bytearray()
    try:
        for piece in inflation.pieces(body):
            unpacked += piece
            if len(unpacked) > _LARGEST:
                raise ParseError("the answer is a gzip file of more than 10 MiB")
    except OutgoingError as error:
        raise ParseError("the answer is a gzip file that is broken") from error
    if not inflation.ended:
        raise ParseError("the answer is a gzip file that breaks off")
    return bytes(unpacked)


def _begun(body: bytes) -> bytes:
    """Return *body* from its XML declaration on: what a program let slip before it hides it."""
    if body.startswith((b"<?xml", _BOM + b"<?xml")) and body.count(b"<?xml", 0, _HEAD) == 1:
        return body
    root = _ROOT.search(body, 0, _HEAD)
    begin = body.rfind(b"<?xml", 0, root.start()) if root else -1
    return body[begin:] if begin > 0 else body


def _declared(body: bytes) -> bytes:
    """Return *body* declared as UTF-8 where it says UTF-16 in letters of one byte."""
    found = _DECLARED.match(body.removeprefix(_BOM))
    if found is None or not _WIDE.fullmatch(found[2]):
        return body
    return found[1] + b"utf-8" + body.removeprefix(_BOM)[found.end() :]


def _decoded(body: bytes, content_type: str) -> bytes:
    """Return a body of UTF-8 in which a few bytes are not, with these as Windows-1252 has them.

    One such byte would have all the rest read in another encoding.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        if not _is_to_be_utf8(body, content_type):
            return body
        text = body.decode("utf-8", "tocsin-windows-1252")
        right = body.decode("utf-8", "ignore")
        wrong = len(body) - len(right.encode())
        return text.encode() if sum(letter > "\x7f" for letter in right) > wrong else body
    return body


def _is_to_be_utf8(body: bytes, content_type: str) -> bool:
    """Tell whether *body* is said to be UTF-8, or nothing is said of it."""
    charset = _CHARSET.search(content_type)
    declared = _DECLARED.match(body.removeprefix(_BOM))
    said = charset[1] if charset else "", declared[2].decode("latin-1") if declared else ""
    return {one.lower() for one in said} <= _UTF8 and b"\x00" not in body[:_HEAD]


def _windows(error: UnicodeError) -> tuple[str, int]:
    """Return the bytes that are no UTF-8 as Windows-1252 has them, for the decoder."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("windows-1252", "replace"), error.end


codecs.register_error("tocsin-windows-1252", _windows)


def _character(references: re.Match[bytes]) -> bytes:
    """Return references to characters for some that are to none, over which feedparser stumbles.

    Two may be the halves of one, as programs of UTF-16 write it.
    """
    numbers = [
        int(digits[1:], 16) if digits[:1] in b"xX" else int(digits[:9])
        for digits in _NUMBER.findall(references[0])
    ]
    halves = "".join(chr(number) if number < 0x10000 else "\ufffd" for number in numbers)
    whole = halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return "".join(f"&#{ord(letter)};" for letter in whole).encode()
