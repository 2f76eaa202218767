from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.guard import OutgoingError
from feeds.inflation import Inflation


def unpacked(encoding: str, chunks: Sequence[bytes]) -> tuple[bytes, bool]:
    inflation = Inflation(encoding)
    body = b"".join(piece for chunk in chunks for piece in inflation.pieces(chunk))
    return body, inflation.ended


def in_chunks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def packed(encoding: str, data: bytes) -> bytes:
    if encoding == "gzip":
        half = len(data) // 2
        return gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)
    packer = zlib.compressobj(wbits=15 if encoding == "deflate" else -15)
    return packer.compress(data) + packer.flush()


@given(
    data=st.binary(max_size=300),
    times=st.sampled_from([1, 1000]),
    size=st.integers(1, 70_000),
    encoding=st.sampled_from(["gzip", "deflate", "deflate without wrapping"]),
)
def test_what_was_packed_is_unpacked_however_it_is_cut(
    data: bytes, times: int, size: int, encoding: str
) -> None:
    whole = data * times
    chunks = in_chunks(packed(encoding, whole), size)

    assert unpacked(encoding.split(maxsplit=1)[0], chunks) == (whole, True)


@given(data=st.binary(min_size=1, max_size=300), kept=st.floats(0, 0.99))
def test_what_ends_early_is_never_taken_for_whole(data: bytes, kept: float) -> None:
    whole = gzip.compress(data)
    assert unpacked("gzip", [whole[: int(len(whole) * kept)]])[1] is False


@given(noise=st.binary(max_size=400), encoding=st.sampled_from(["gzip", "deflate"]))
def test_noise_gives_bytes_or_a_refusal(noise: bytes, encoding: str) -> None:
    with suppress(OutgoingError):
        unpacked(encoding, in_chunks(noise, 7))


def test_no_piece_is_larger_than_its_bound() -> None:
    inflation = Inflation("gzip")
    sizes = [len(piece) for piece in inflation.pieces(gzip.compress(bytes(5_000_000)))]
    assert max(sizes) == 64 * 1024
    assert sum(sizes) == 5_000_000


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0\0\0", b"padding"])
def test_padding_after_the_end_is_ignored(padding: bytes) -> None:
    assert unpacked("gzip", [gzip.compress(b"text"), padding]) == (b"text", True)
