"""Decompressing a record batch without believing what it says of itself: 16 kB of zstd may stand for a gigabyte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import cramjam

Payload = bytes | memoryview

XERIAL = b"\x82SNAPPY\x00"
"""How snappy begins as Java's clients write it; 8 bytes of version follow, then blocks, each with its length."""
FIRST_BUFFER = 1024 * 1024


class Uninflatable(Exception):
    """The bytes are broken, or stand for more than may be."""


def inflated(codec: int, payload: Payload, limit: int) -> bytes:
    """The payload of a record batch, decompressed; `codec` is Kafka's number, `limit` the most bytes that it may be.

    Raises Uninflatable.
    """
    inflate = _CODECS.get(codec)
    if inflate is None:
        raise Uninflatable(f"compressed by an unknown codec {codec}")
    try:
        return inflate(payload, limit)
    except Uninflatable:
        raise
    except Exception as error:  # of a library; cramjam's tell a full buffer and broken bytes apart by their text only
        raise Uninflatable(f"{len(payload)} bytes do not inflate to at most {limit}: {error}") from error


def _gzip(payload: Payload, limit: int) -> bytes:
    found, rest = b"", bytes(payload)
    while rest:
        member = zlib.decompressobj(wbits=31)
        found += member.decompress(rest, limit + 1 - len(found))
        if len(found) > limit:
            raise Uninflatable(f"{len(payload)} bytes inflate to more than {limit}")
        if not member.eof:
            raise Uninflatable("gzip that ends early")
        rest = member.unused_data
    return found


def _snappy(payload: Payload, limit: int) -> bytes:
    data = bytes(payload)
    blocks = _xerial_blocks(data) if data.startswith(XERIAL) else [data]
    size = sum(cramjam.snappy.decompress_raw_len(block) for block in blocks)
    if size > limit:
        raise Uninflatable(f"{len(payload)} bytes inflate to {size}, more than {limit}")
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _xerial_blocks(data: bytes) -> list[bytes]:
    blocks, at = [], 16
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        if size <= 0 or at + 4 + size > len(data):
            raise Uninflatable(f"a snappy block of {size} bytes")
        blocks.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return blocks


def _into_buffer(codec: str) -> Callable[[Payload, int], bytes]:
    def inflate(payload: Payload, limit: int) -> bytes:
        into: Any = getattr(cramjam, codec).decompress_into
        data, size = bytes(payload), min(FIRST_BUFFER, limit)
        while True:
            buffer = bytearray(size)
            try:
                return bytes(memoryview(buffer)[: into(data, buffer)])
            except cramjam.DecompressionError:
                if size == limit:
                    raise
                size = min(size * 4, limit)

    return inflate


_CODECS: dict[int, Callable[[Payload, int], bytes]] = {
    1: _gzip,
    2: _snappy,
    3: _into_buffer("lz4"),
    4: _into_buffer("zstd"),
}
