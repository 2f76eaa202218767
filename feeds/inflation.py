"""Unpacks answers in pieces of bounded size, so that a small one cannot fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from feeds.guard import OutgoingError

_STEP = 64 * 1024


class Inflation:
    """Unpacks gzip and deflate in pieces of bounded size, however far they expand."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._inflate = zlib.decompressobj()
        self._inside = False
        self._held = b""

    @property
    def ended(self) -> bool:
        """Whether the packed stream has come to its own end."""
        return self._inflate.eof

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what *chunk* unpacks to; raise OutgoingError where it is not packed as it says.

        gzip may consist of several members. Other padding after the end is ignored, as
        browsers do.
        """
        self._held += chunk
        while self._inside or len(self._held) >= 2:  # two bytes tell what begins
            if not self._inside and not self._begun():
                return
            yield from self._inflated()
            if not self._inflate.eof:
                return
            self._inside = False

    def _begun(self) -> bool:
        if self._inflate.eof and not self._held.startswith(b"\x1f\x8b"):
            return False
        packed_raw = self._encoding == "deflate" and not _is_zlib(self._held)
        window = -zlib.MAX_WBITS if packed_raw else zlib.MAX_WBITS | 32  # zlib or gzip
        self._inflate = zlib.decompressobj(window)
        self._inside = True
        return True

    def _inflated(self) -> Iterator[bytes]:
        packed, self._held = self._held, b""
        piece = self._step(packed)
        while piece:
            yield piece
            # A piece that fills the bound may leave more behind even where no input is left.
            full = len(piece) == _STEP and not self._inflate.eof
            piece = self._step(self._inflate.unconsumed_tail) if full else b""
        self._held = self._inflate.unused_data

    def _step(self, packed: bytes) -> bytes:
        try:
            return self._inflate.decompress(packed, _STEP)
        except zlib.error as error:
            raise OutgoingError("encoding", "the answer is not packed as it says") from error


def _is_zlib(start: bytes) -> bool:
    """Tell zlib's wrapping (RFC 1950) from deflate without it, which some servers send."""
    return start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
