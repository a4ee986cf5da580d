"""POST /v1/problems, /v1/activity and /v1/batch: body -> documents -> events -> stored -> answer.

202 only for what Kafka has acknowledged. Each document of a batch is read, stored and answered for itself. Documents
are counted before they are parsed, and what takes more than a few milliseconds is done beside the event loop.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.dialects import AUTO
from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.gateway.batch import BATCH, read_batch
from tocsin.connectors.gateway.beside import BesideTheLoop
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.context import CONTEXT_PARAMETERS, context_of, request_id_of
from tocsin.connectors.gateway.documents import Document, count_documents
from tocsin.connectors.gateway.events import Ignored, Made, Read, ReadBody, activity_from, problem_from, read_documents
from tocsin.connectors.gateway.examples import BATCHES, PROBLEMS, Content, activity_of
from tocsin.connectors.gateway.flight import held_by
from tocsin.connectors.gateway.ignored import IgnoredDocuments
from tocsin.connectors.gateway.inbox import Inbox, handed_over
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import (
    KAFKA_AWAY,
    NONE_ACCEPTED,
    NOT_A_PROBLEM,
    UNCONFIRMED,
    Refusal,
    refuse,
)
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import (
    ACCEPTED,
    KEY_PARAMETER,
    KNOWN,
    TENANT_PARAMETER,
    RequestHead,
    keyed_by_webhook,
    read_head,
)
from tocsin.connectors.publish import InboxEvent
from tocsin.schemas.events import ProblemReported

NOT_TEXT = tuple(media_type for media_type in KNOWN if not media_type.startswith("text/"))
A_DOCUMENT = 1024
"""What a document counts, in bytes, besides its own when work is weighed: reading even a small one takes a while."""

_DIALECT = {"name": "dialect", "in": "query", "schema": {"type": "string"}}


def ingest_routes(
    config: GatewayConfig, inbox: Inbox, rates: TenantRates, counts: GatewayMetrics, ignored: IgnoredDocuments
) -> APIRouter:
    """The routes by which events come in."""
    router = APIRouter()
    intake = Intake(config, inbox, rates, counts, ignored)
    problems = _openapi([_DIALECT, TENANT_PARAMETER, KEY_PARAMETER, *CONTEXT_PARAMETERS], PROBLEMS)
    activity = _openapi([TENANT_PARAMETER, KEY_PARAMETER], {each: activity_of(each) for each in NOT_TEXT})
    batch = _openapi([TENANT_PARAMETER, KEY_PARAMETER, *CONTEXT_PARAMETERS], BATCHES)

    @router.post("/v1/problems", status_code=202, responses=ACCEPTED, openapi_extra=problems)
    async def publish_problems(request: Request) -> Response:
        """Publish a problem, or a batch of them (a JSON array, or NDJSON), in any known dialect. What the documents do
        not say of their context may be said beside them: `?record_id=`, `Tocsin-Record-Id:`, or in an envelope
        `{"context": {"record_id": ...}, "document": ...}`."""
        head = read_head(request)
        context, request_id = context_of(request), request_id_of(request)
        head = msgspec.structs.replace(head, context=context, request_id=request_id)
        return await intake.answer(request, head, partial(read_documents, make=problem_from))

    @router.post("/v1/activity", status_code=202, responses=ACCEPTED, openapi_extra=activity)
    async def publish_activity(request: Request) -> Response:
        """Publish what was observed: a message, a change of a record, a job, a connection."""
        head = read_head(request, known=NOT_TEXT)
        return await intake.answer(request, head, partial(read_documents, make=activity_from))

    @router.post("/v1/batch", status_code=202, responses=ACCEPTED, openapi_extra=batch)
    async def publish_batch(request: Request) -> Response:
        """Publish problems and activities in their order. An item `{"key": ..., "problem": ...}` is the event that its
        document is when it is posted alone under this Idempotency-Key, so that it may be repeated in another batch, or
        alone. Answered item by item: what is refused harms no other."""
        head = read_head(request, known=BATCH)  # the dialect is each item's
        return await intake.answer(
            request, msgspec.structs.replace(head, dialect=AUTO, context=context_of(request)), read_batch
        )

    return router


class Intake:
    """Takes requests with documents in."""

    def __init__(
        self,
        config: GatewayConfig,
        inbox: Inbox,
        rates: TenantRates,
        counts: GatewayMetrics,
        ignored: IgnoredDocuments,
    ) -> None:
        self._config = config
        self._ignored = ignored
        self._inbox = inbox
        self._rates = rates
        self._counts = counts
        self._beside = BesideTheLoop(config.deadline)

    async def answer(self, request: Request, head: RequestHead, read_documents_of: ReadBody) -> Response:
        """The answer to one request. Raises Refusal."""
        config, rates, beside = self._config, self._rates, self._beside
        rates.admit(head.payer)
        body = await read_body(request, config)
        rates.charge_bytes(head.payer, len(body))
        head = keyed_by_webhook(head, request, body)
        count = await beside.do(len(body), count_documents, body, head, config)
        # room first: what is refused for want of it costs nobody anything
        held_by(request).take(documents=count)
        rates.charge_documents(head.payer, count)
        read = await beside.do(len(body) + count * A_DOCUMENT, read_documents_of, body, head, config)
        if isinstance(read, list):
            return _answer_batch(await self._store_all(read))
        return _json(await self._store(*read))

    async def _store_all(self, documents: list[Read]) -> list[dict[str, object]]:
        """What is answered to each, in their order, which is also that of storing them."""
        return await asyncio.gather(*await handed_over(self._store_or_refuse(*each) for each in documents))

    async def _store_or_refuse(self, document: Document, read: Made) -> dict[str, object]:
        try:
            return await self._store(document, read)
        except Refusal as refusal:
            self._counts.count_refused(refusal.kind.name)
            return {"error": refusal.document()}

    async def _store(self, document: Document, read: Made) -> dict[str, object]:
        if isinstance(read, Refusal):
            raise read
        if isinstance(read, Ignored):
            self._counts.count_refused(NOT_A_PROBLEM.name)
            return await self._ignored.take(document, read.why)
        return await self._inbox.store(read, _keyed(document, read) if document.origin.idempotency_key else None)


def _keyed(document: Document, event: InboxEvent) -> bytes:
    """What a second document under the same key must be as well: its bytes, the dialect that they were read in, and the
    context that is said beside it."""
    dialect = event.problem.dialect if isinstance(event, ProblemReported) else ""
    context = document.origin.context
    beside = context if context is not None and context != ProblemContext() else None
    return msgspec.json.encode([dialect, beside]) + document.raw


def _answer_batch(items: list[dict[str, object]]) -> Response:
    """202 when not all were refused; else 503 when Kafka is why, so that the client comes again; else 422."""
    errors = [item["error"] for item in items if "error" in item]
    counts: dict[str, object] = {"accepted": sum("event_id" in item for item in items), "refused": len(errors)}
    counts |= {"ignored": ignored} if (ignored := sum("ignored" in item for item in items)) else {}
    if len(errors) < len(items):
        return _json({"items": items} | counts)
    types = {error["type"].rpartition(":")[2] for error in errors if isinstance(error, dict)}
    for kind in (UNCONFIRMED, KAFKA_AWAY):
        if kind.name in types:
            return refuse(Refusal(kind, items=items, **counts))
    return refuse(Refusal(NONE_ACCEPTED, items=items, **counts))


def _json(document: object) -> Response:
    return Response(msgspec.json.encode(document), 202, media_type="application/json")


def _openapi(parameters: list[dict[str, Any]], content: Content) -> dict[str, Any]:
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}
