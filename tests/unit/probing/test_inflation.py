"""Bodies as they come in: whole, packed, too large, broken."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivr_operator.probing.inflation import Inflation, TooLarge, Unreadable

CAP = 1000


def taken(encoding: str, packed: bytes, step: int = 7, cap: int = CAP) -> bytes:
    inflation = Inflation(encoding, cap)
    for start in range(0, len(packed), step):
        inflation.feed(packed[start : start + step])
    return inflation.finish()


@given(body=st.binary(max_size=CAP), step=st.integers(1, 64))
def test_every_body_within_the_cap_comes_back_whole(body: bytes, step: int) -> None:
    assert taken("", body, step) == body
    assert taken("identity", body, step) == body
    assert taken("gzip", gzip.compress(body), step) == body
    assert taken("deflate", zlib.compress(body), step) == body


@pytest.mark.parametrize("size", [CAP + 1, CAP * 100])
def test_a_body_above_the_cap_is_refused(size: int) -> None:
    body = b" " * size
    with pytest.raises(TooLarge):
        taken("", body)
    with pytest.raises(TooLarge):
        taken("gzip", gzip.compress(body), step=10**6)


def test_a_bomb_is_not_unpacked_beyond_the_cap() -> None:
    bomb = gzip.compress(b" " * 100_000_000)
    inflation = Inflation("gzip", 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflation.feed(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
def test_a_packing_that_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(Unreadable):
        Inflation(encoding, CAP)


def test_a_broken_or_truncated_packing_is_refused() -> None:
    with pytest.raises(Unreadable):
        taken("gzip", b"no gzip at all")
    with pytest.raises(Unreadable):
        taken("gzip", gzip.compress(b"whole body")[:-9])


def test_an_empty_body_may_call_itself_packed() -> None:
    assert taken("gzip", b"") == b""
