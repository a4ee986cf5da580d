"""POST /v1/problems and POST /v1/activity: 202 only for what Kafka has acknowledged."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.activity import activity_from
from tocsin.connectors.gateway.asking import KNOWN, asked, keyed_by_webhook
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import (
    KAFKA_AWAY,
    MEDIA_TYPE,
    NONE_ACCEPTED,
    UNCONFIRMED,
    Refusal,
    refuse,
)
from tocsin.connectors.gateway.splitting import Batch, MakeFrom, report_from, split
from tocsin.connectors.gateway.taking import Taking, refusal_of

_REFUSALS = (400, 408, 413, 415, 422, 503)
_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "Kafka has acknowledged it"},
    **{status: {"description": "Refused", "content": {MEDIA_TYPE: {}}} for status in _REFUSALS},
}
_PARAMETERS = [
    {"name": "tenant", "in": "query", "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}},
    {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255}},
]
_DIALECT = {"name": "dialect", "in": "query", "schema": {"type": "string"}}


def ingest_routes(config: GatewayConfig, taking: Taking) -> APIRouter:
    """The routes by which events come in."""
    router = APIRouter()
    problems, activity = _openapi([_DIALECT, *_PARAMETERS]), _openapi(_PARAMETERS)

    @router.post("/v1/problems", status_code=202, responses=_RESPONSES, openapi_extra=problems)
    async def publish_problems(request: Request) -> Response:
        """Publish a problem, or a batch of them (a JSON array, or NDJSON), in any known dialect."""
        return await _ingest(request, config, taking, report_from)

    @router.post("/v1/activity", status_code=202, responses=_RESPONSES, openapi_extra=activity)
    async def publish_activity(request: Request) -> Response:
        """Publish what was observed: a message, a change of a record, a job, a connection."""
        return await _ingest(request, config, taking, activity_from)

    return router


async def _ingest(request: Request, config: GatewayConfig, taking: Taking, make: MakeFrom) -> Response:
    question = asked(request, config)
    body = await read_body(request, config)
    question = keyed_by_webhook(question, request, body)
    try:
        parts = split(body, question, config, make)
    except Exception as error:
        raise refusal_of(error) from None
    if isinstance(parts, Batch):
        return _answer_batch(await taking.take_each(parts.makes))
    return _json(await taking.take(parts))


def _answer_batch(items: list[dict[str, object]]) -> Response:
    """202 when not all were refused; else 503 when Kafka is why, so that the client comes again; else 422."""
    errors = [item["error"] for item in items if "error" in item]
    counts: dict[str, object] = {"accepted": sum("event_id" in item for item in items), "refused": len(errors)}
    if len(errors) < len(items):
        return _json({"items": items} | counts)
    types = {error["type"].rpartition(":")[2] for error in errors if isinstance(error, dict)}
    for kind in (UNCONFIRMED, KAFKA_AWAY):
        if kind.name in types:
            return refuse(Refusal(kind, items=items, **counts))
    return refuse(Refusal(NONE_ACCEPTED, items=items, **counts))


def _json(document: object) -> Response:
    return Response(msgspec.json.encode(document), 202, media_type="application/json")


def _openapi(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {media_type: {"schema": {}} for media_type in KNOWN}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}
