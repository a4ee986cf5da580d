"""The body of one request, bounded in bytes, before and after decoding, and in time."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.flight import Held, held_by
from tocsin.connectors.gateway.problems import (
    BAD_ENCODING,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    UNSUPPORTED_ENCODING,
    Refusal,
)

_GZIP_WINDOW = 31
_PIECE = 64 * 1024
"""How many bytes are inflated at a time."""


async def read_body(request: Request, config: GatewayConfig) -> bytes:
    """The decoded body. Raises Refusal: too large (at most the limit and one network read have been taken in by then),
    too slow, an encoding we do not speak or that is broken."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Refusal(UNSUPPORTED_ENCODING, supported=["gzip", "identity"])
    held = held_by(request)
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > config.max_body:
        raise _too_large(config)
    try:
        async with asyncio.timeout(config.deadline) as deadline:
            with held.flight.coming(deadline):
                pieces = request.stream() if encoding == "identity" else _gunzipped(request.stream())
                return await _gathered(pieces, held, config)
    except TimeoutError:
        raise Refusal(TOO_SLOW) from None
    except ClientDisconnect:
        raise Refusal(MALFORMED) from None


async def _gathered(pieces: AsyncIterator[bytes], held: Held, config: GatewayConfig) -> bytes:
    body = bytearray()
    async for piece in pieces:
        if len(body) + len(piece) > config.max_body:
            raise _too_large(config)
        held.take(bytes=len(piece))
        body += piece
    return bytes(body)


async def _gunzipped(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What a gzip stream of one member inflates to, in pieces."""
    inflate = zlib.decompressobj(_GZIP_WINDOW)
    async for piece in stream:
        if inflate.eof and piece:
            raise Refusal(BAD_ENCODING)
        while piece:
            try:
                decoded = inflate.decompress(piece, _PIECE)
            except zlib.error:
                raise Refusal(BAD_ENCODING) from None
            yield decoded
            piece = inflate.unconsumed_tail
        if inflate.unused_data:
            raise Refusal(BAD_ENCODING)
    if not inflate.eof:
        raise Refusal(BAD_ENCODING)


def _too_large(config: GatewayConfig) -> Refusal:
    detail = f"The body, decoded, is larger than is taken: at most {config.max_body} bytes."
    return Refusal(TOO_LARGE, limit=config.max_body, detail=detail)
