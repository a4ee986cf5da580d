"""Reading a request's body: bounded in bytes (before and after decoding) and in time (RELIABILITY 3.1, F17)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import (
    BAD_ENCODING,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    UNSUPPORTED_ENCODING,
    Refusal,
)

GZIP_WINDOW = 31
PIECE = 64 * 1024
"""How much is inflated at a time."""


async def read_body(request: Request, config: GatewayConfig) -> bytes:
    """The decoded body. Raises Refusal: too large (at most the limit and one network read have been taken in by then),
    too slow, an encoding we do not speak or that is broken."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Refusal(UNSUPPORTED_ENCODING, supported=["gzip", "identity"])
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > config.max_body:
        raise _too_large(config)
    try:
        async with asyncio.timeout(config.deadline):
            if encoding == "identity":
                return await _plain(request.stream(), config)
            return await _gunzipped(request.stream(), config)
    except TimeoutError:
        raise Refusal(TOO_SLOW) from None
    except ClientDisconnect:
        raise Refusal(MALFORMED) from None


async def _plain(stream: AsyncIterator[bytes], config: GatewayConfig) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > config.max_body:
            raise _too_large(config)
        pieces.append(piece)
    return b"".join(pieces)


async def _gunzipped(stream: AsyncIterator[bytes], config: GatewayConfig) -> bytes:
    inflate = zlib.decompressobj(GZIP_WINDOW)
    decoded = bytearray()
    async for piece in stream:
        if inflate.eof and piece:
            raise Refusal(BAD_ENCODING)
        while piece:
            try:
                decoded += inflate.decompress(piece, PIECE)
            except zlib.error:
                raise Refusal(BAD_ENCODING) from None
            if len(decoded) > config.max_body:
                raise _too_large(config)
            piece = inflate.unconsumed_tail
        if inflate.unused_data:
            raise Refusal(BAD_ENCODING)
    if not inflate.eof:
        raise Refusal(BAD_ENCODING)
    return bytes(decoded)


def _too_large(config: GatewayConfig) -> Refusal:
    return Refusal(TOO_LARGE, limit=config.max_body)
