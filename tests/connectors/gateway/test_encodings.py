"""Content encodings of bodies: what they decode to, in bounded steps, and what is no whole stream of one."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import AsyncIterator, Callable

import brotli
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.connectors.gateway.conftest import Gateway
from tests.harness.fuzzing import examples
from tocsin.connectors.gateway.decoding import DECODERS, PIECE, BrokenEncoding, decoder_of

PROBLEM = json.dumps({"code": "e.p.xfer", "text": "x" * 2000}).encode()


def raw_deflate(data: bytes) -> bytes:
    """Without the frame of zlib."""
    made = zlib.compressobj(9, zlib.DEFLATED, -15)
    return made.compress(data) + made.flush()


def zstd_of_unknown_size(data: bytes, window: int = 20) -> bytes:
    """As a client writes it that does not know how much will come."""
    made = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window})
    return made.compress(data) + made.flush()


ENCODED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", lambda data: gzip.compress(data, mtime=0)),
    "x-gzip": ("X-GZIP", lambda data: gzip.compress(data, mtime=0)),
    "deflate": ("deflate", zlib.compress),
    "deflate without its frame": ("deflate", raw_deflate),
    "br": ("br", lambda data: bytes(brotli.compress(data, quality=4))),
    "zstd": ("zstd", zstd.compress),
    "zstd of unknown size": (" zstd ", zstd_of_unknown_size),
}
ALL = pytest.mark.parametrize(("name", "encode"), ENCODED.values(), ids=ENCODED)


def decoded(name: str, data: bytes, step: int, most: int = 10 * PIECE) -> bytes:
    """What the bytes decode to when they come `step` at a time, no further than `most`."""
    decoder, found = decoder_of(name), b""
    assert decoder is not None
    for at in range(0, len(data), step):
        for piece in decoder.feed(data[at : at + step]):
            assert len(piece) <= 2 * PIECE
            found += piece
            if len(found) > most:
                return found
    decoder.end()
    return found


@ALL
@settings(max_examples=examples(20, 1000))
@given(seed=st.integers(0, 2**32), size=st.integers(0, 200_000), few=st.booleans(), step=st.integers(1, 100_000))
def test_what_goes_in_comes_out(
    name: str, encode: Callable[[bytes], bytes], seed: int, size: int, few: bool, step: int
) -> None:
    data = bytes(size) if few else random.Random(seed).randbytes(size)
    assert decoded(name, encode(data), step if size > 5000 else 1 + step % 50) == data


@ALL
def test_a_bomb_is_decoded_no_further_than_the_limit(name: str, encode: Callable[[bytes], bytes]) -> None:
    bomb = encode(bytes(40 * 1024 * 1024))
    for step in (len(bomb), 100):
        assert 10 * PIECE < len(decoded(name, bomb, step)) <= 12 * PIECE


@ALL
@pytest.mark.parametrize("pieces", [1, 2, 3])
def test_what_ends_with_a_piece(name: str, encode: Callable[[bytes], bytes], pieces: int) -> None:
    for size in range(pieces * PIECE - 3, pieces * PIECE + 300, 1 if "deflate" in name else 50):
        data = bytes(size)
        assert decoded(name, encode(data), 1_000_000) == data


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "nothing at all": lambda _: b"",
    "a byte": lambda whole: whole[:1],
    "half of it": lambda whole: whole[: len(whole) // 2],
    "its last byte is missing": lambda whole: whole[:-1],
    "more behind its end": lambda whole: whole + b"x",
    "twice": lambda whole: whole * 2,
    "something else": lambda _: b"\0" * 20,
    "not encoded": lambda _: PROBLEM,
}


@ALL
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("step", [1, 1_000_000])
def test_broken(name: str, encode: Callable[[bytes], bytes], broken: Callable[[bytes], bytes], step: int) -> None:
    with pytest.raises(BrokenEncoding):
        decoded(name, broken(encode(PROBLEM)), step)


@pytest.mark.parametrize("name", [one for one in DECODERS if one != "identity"])
@settings(max_examples=examples(200, 20_000))
@given(data=st.binary(max_size=300), step=st.integers(1, 300))
def test_any_bytes(name: str, data: bytes, step: int) -> None:
    try:
        decoded(name, data, step)
    except BrokenEncoding:
        return


def test_a_window_of_zstd_has_its_limit() -> None:
    assert decoded("zstd", zstd_of_unknown_size(b"ab", window=23), 100) == b"ab"
    with pytest.raises(BrokenEncoding):
        decoded("zstd", zstd_of_unknown_size(b"ab", window=24), 100)


@pytest.mark.parametrize("name", ["compress", "gzip, gzip", "gzip, br", "identity, gzip", "lz4", "*", "gzip;q=1"])
def test_not_known(name: str) -> None:
    assert decoder_of(name) is None


@ALL
async def test_at_the_gateway(gateway: Gateway, name: str, encode: Callable[[bytes], bytes]) -> None:
    headers = {"content-encoding": name}
    assert (await gateway.post("/v1/problems", encode(PROBLEM), headers=headers))[0] == 202
    status, answer, _ = await gateway.post("/v1/problems", encode(bytes(20 * 1024 * 1024)), headers=headers)
    assert (status, answer["limit"]) == (413, 64 * 1024)
    status, answer, _ = await gateway.post("/v1/problems", encode(PROBLEM)[:-1], headers=headers)
    assert (status, answer["type"]) == (400, "urn:tocsin:problem:bad-encoding")
    assert len(gateway.reported) == 1


async def test_an_encoding_that_says_nothing_at_length(gateway: Gateway) -> None:
    empty_blocks = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + b"\0\0\0\xff\xff" * 20_000

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(empty_blocks), 4096):
            yield empty_blocks[at : at + 4096]

    status, answer, _ = await gateway.post("/v1/problems", pieces(), headers={"content-encoding": "gzip"})
    assert (status, answer["limit"]) == (413, 64 * 1024)


async def test_two_headers_are_two_encodings(gateway: Gateway) -> None:
    headers = [("content-type", "application/json"), ("content-encoding", "identity"), ("content-encoding", "gzip")]
    async with gateway.http.post("/v1/problems", data=gzip.compress(PROBLEM), headers=headers) as answer:
        said = await answer.json(content_type=None)
    assert (answer.status, said["supported"]) == (415, ["identity", "gzip", "deflate", "br", "zstd"])
