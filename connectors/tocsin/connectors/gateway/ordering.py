"""What routes for commands and silences have in common: an order's document, and who gives it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.gateway.asking import JSON, Asked, asked
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import MEDIA_TYPE
from tocsin.connectors.gateway.taking import refusal_of

BY_HEADER = "tocsin-by"

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": "Refused", "content": {MEDIA_TYPE: {}}} for status in (400, 408, 413, 415, 422, 503)
}

PARAMETERS = [
    {"name": "tenant", "in": "query", "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}},
    {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255}},
    {"name": "Tocsin-By", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255}},
]


async def ordered(request: Request, config: GatewayConfig) -> tuple[Asked, dict[str, object], str | None]:
    """What was asked, the document (no body is an empty one), and who by the header. Raises Refusal."""
    body = await read_body(request, config)
    question = asked(request, config, body=bool(body), known=(JSON,))
    try:
        document = parse_json(body) if body.strip() else {}
        if not isinstance(document, dict):
            raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    except Unreadable as error:
        raise refusal_of(error) from None
    return question, document, request.headers.get(BY_HEADER)
