"""POST /didcomm: what peers send by DIDComm, of either version (docs/didcomm.md#receiving-from-peers).

The answers do not say which keys there are: whatever did not open, or proves no sender, is answered alike, and at about
the same time.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.context import REQUEST_ID, request_id_of
from tocsin.connectors.gateway.didcomm.config import Connection, DidcommConfig
from tocsin.connectors.gateway.didcomm.events import Traced
from tocsin.connectors.gateway.didcomm.receiver import Receiver, Taken
from tocsin.connectors.gateway.didcomm.shape import MEDIA_TYPES
from tocsin.connectors.gateway.problems import NOT_TAKEN, Refusal, refuse
from tocsin.connectors.gateway.request import REFUSED, read_head

DIGEST, OUTCOME = "tocsin-message-sha256", "tocsin-outcome"
STATUS = {1: 200, 2: 202}
"""What a message without an answer is answered with, by version."""


def didcomm_routes(config: GatewayConfig, receiver: Receiver) -> APIRouter:
    """The route by which peers reach us."""
    router = APIRouter()

    @router.post("/didcomm", status_code=202, responses=_ANSWERS, openapi_extra=_OPENAPI)
    async def take_message(request: Request) -> Response:
        """Take a DIDComm message, v2 or Aries: 202 (for Aries 200) once it is dealt with, a problem report once Kafka
        has it. 200 with a packed message where the sender asks for an answer in the same exchange (return_route)."""
        started = time.monotonic()
        head = read_head(request, known=MEDIA_TYPES)
        receiver.admit()
        request_id = request_id_of(request) or str(uuid4())
        traced = Traced(request_id=request_id, traceparent=head.traceparent, tracestate=head.tracestate)
        try:
            content = await read_body(request, config)
            taken = await receiver.take(content, traced)
        except Refusal as refusal:
            refusal.more.setdefault("request_id", request_id)
            raise
        if not taken.genuine:
            await asyncio.sleep(max(0.0, started + random.uniform(*receiver.delay) - time.monotonic()))
        return _answer(taken, request_id)

    return router


def _answer(taken: Taken, request_id: str) -> Response:
    marks = {REQUEST_ID: request_id, DIGEST: taken.sha256}
    if not taken.genuine and taken.reply is None:
        return refuse(Refusal(NOT_TAKEN, request_id=request_id, message_sha256=taken.sha256), marks)
    if taken.version is not None:
        marks[OUTCOME] = taken.outcome.value
    if taken.reply is not None:
        return Response(taken.reply.content, 200, headers=marks, media_type=taken.reply.media_type)
    return Response(status_code=STATUS[taken.version or 2], headers=marks)


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Dealt with; with a body, the answer to the message, packed for its sender"},
    202: {"description": "Dealt with; a problem report is in Kafka"},
    **REFUSED,
}
_OPENAPI: dict[str, Any] = {
    "requestBody": {"required": True, "content": {each: {"schema": {"type": "object"}} for each in MEDIA_TYPES}},
}

__all__ = ["Connection", "DidcommConfig", "Receiver", "Taken", "Traced", "didcomm_routes"]
