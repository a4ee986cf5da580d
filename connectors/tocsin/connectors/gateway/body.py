"""The body of one request, bounded in bytes, before and after decoding, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.decoding import SUPPORTED, BrokenEncoding, Decoder, decoder_of
from tocsin.connectors.gateway.flight import Held, held_by
from tocsin.connectors.gateway.problems import (
    BAD_ENCODING,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    UNSUPPORTED_ENCODING,
    Refusal,
)


async def read_body(request: Request, config: GatewayConfig) -> bytes:
    """The decoded body. Raises Refusal: too large (at most the limit and one network read have been taken in by then),
    too slow, an encoding we do not speak or that is broken."""
    decoder = decoder_of(",".join(request.headers.getlist("content-encoding")))
    if decoder is None:
        raise Refusal(UNSUPPORTED_ENCODING, supported=SUPPORTED)
    held = held_by(request)
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > config.max_body:
        raise _too_large(config)
    try:
        async with asyncio.timeout(config.deadline) as deadline:
            with held.flight.coming(deadline):
                return await _gathered(request.stream(), decoder, held, config)
    except TimeoutError:
        raise Refusal(TOO_SLOW) from None
    except ClientDisconnect:
        raise Refusal(MALFORMED) from None


async def _gathered(stream: AsyncIterator[bytes], decoder: Decoder, held: Held, config: GatewayConfig) -> bytes:
    body, came = bytearray(), 0
    try:
        async for data in stream:
            came += len(data)
            if came > config.max_body:  # an encoding may say nothing at any length
                raise _too_large(config)
            for piece in decoder.feed(data):
                if len(body) + len(piece) > config.max_body:
                    raise _too_large(config)
                held.take(bytes=len(piece))
                body += piece
        decoder.end()
    except BrokenEncoding:
        raise Refusal(BAD_ENCODING) from None
    return bytes(body)


def _too_large(config: GatewayConfig) -> Refusal:
    detail = f"The body, decoded, is larger than is taken: at most {config.max_body} bytes."
    return Refusal(TOO_LARGE, limit=config.max_body, detail=detail)
