"""Inflating under limits."""

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import BodyTruncated, NetworkFailure, NotAFeed, TooLarge
from workers.fetching.inflating import STEP, Inflater, check_coding

URL = "https://feeds.example/jobs.xml"
MIB = 2**20


def inflate(data: bytes, *, size: int = 65536, max_bytes: int = 64 * MIB, max_ratio: int = 200) -> bytes:
    inflater = Inflater(URL, max_bytes=max_bytes, max_ratio=max_ratio)
    parts: list[bytes] = []
    for start in range(0, len(data), size):
        parts += inflater.feed(data[start : start + size])
    parts += inflater.close()
    assert all(len(part) <= STEP for part in parts)
    assert inflater.inflated == sum(map(len, parts))
    return b"".join(parts)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400), st.booleans())
def test_any_members_in_any_pieces_come_out_whole(bodies: list[bytes], size: int, padded: bool):
    if any(body.startswith(b"\x1f\x8b") for body in bodies):
        return
    data = b"".join(gzip.compress(body) for body in bodies) + (b"\0" * 100 if padded else b"")
    assert inflate(data, size=size) == b"".join(bodies)


@given(st.binary(max_size=300), st.integers(1, 400))
def test_a_plain_body_passes_as_it_is(body: bytes, size: int):
    if not body.startswith(b"\x1f\x8b"):
        assert inflate(body, size=size) == body


def test_one_byte_of_the_magic_is_a_body_too():
    assert inflate(b"\x1f") == b"\x1f"
    assert inflate(b"") == b""


def test_large_bodies_come_in_steps():
    body = random.Random(1).randbytes(3 * MIB)
    assert inflate(gzip.compress(body)) == body
    assert inflate(body, size=len(body)) == body


@pytest.mark.parametrize("cut", [3, 30, -9, -1])
def test_a_gzip_stream_cut_short_is_truncated(cut: int):
    with pytest.raises(BodyTruncated, match="inside its gzip data"):
        inflate(gzip.compress(b"<rss>" * 1000)[:cut])


def test_damaged_gzip_data_is_a_failure_of_the_network():
    data = bytearray(gzip.compress(b"<rss>" * 1000))
    data[-6] ^= 0xFF
    with pytest.raises(NetworkFailure, match="damaged gzip data"):
        inflate(bytes(data))


def test_a_bomb_stops_at_the_ratio():
    with pytest.raises(TooLarge, match="more than 200 times its size"):
        inflate(gzip.compress(b"\0" * 30 * MIB))


def test_a_small_body_may_have_any_ratio():
    assert len(inflate(gzip.compress(b"\0" * (MIB - 1)), max_ratio=2)) == MIB - 1


def test_size_limits_hold_for_what_is_read_and_for_what_comes_out():
    with pytest.raises(TooLarge, match="inflates to more than 1000 bytes"):
        inflate(gzip.compress(b"x" * 1001), max_bytes=1000)
    with pytest.raises(TooLarge, match="sends more than 1000 bytes"):
        inflate(b"x" * 1001, max_bytes=1000)
    with pytest.raises(TooLarge, match="sends more than 1000 bytes"):
        inflate(gzip.compress(b"x") + b"\0" * 1001, size=500, max_bytes=1000)
    assert len(inflate(b"x" * 1000, max_bytes=1000)) == 1000


def test_gzip_in_gzip_is_refused():
    with pytest.raises(NotAFeed, match="gzip inside gzip"):
        inflate(gzip.compress(gzip.compress(b"<rss/>")))


@pytest.mark.parametrize("header", ["", "gzip", "GZIP", "x-gzip", "identity", "gzip, identity", " , gzip"])
def test_codings_that_are_read(header: str):
    check_coding(URL, header)


@pytest.mark.parametrize("header", ["br", "zstd", "deflate", "gzip, gzip", "gzip,br", "compress", "\x1b[31m"])
def test_codings_that_are_refused(header: str):
    with pytest.raises(NotAFeed, match="expected gzip once, or nothing") as caught:
        check_coding(URL, header)
    assert "\x1b" not in str(caught.value)


def test_zlib_data_is_no_gzip():
    data = zlib.compress(b"<rss/>")
    assert inflate(data) == data
