"""POST /v1/problems and POST /v1/activity: body -> documents -> events -> stored -> answer.

202 only for what Kafka has acknowledged. Each document of a batch is read, stored and answered for itself. Documents
are counted before they are parsed, and what takes more than a few milliseconds is done beside the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.context import ProblemContext
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.dialects.refused_members import TIME, unreadable
from tocsin.connectors.gateway.beside import BesideTheLoop
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.context import CONTEXT_PARAMETERS, context_of, request_id_of
from tocsin.connectors.gateway.documents import Document, count_documents, split, without_envelope
from tocsin.connectors.gateway.examples import PROBLEMS, Content, activity_of
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
    refusal_of,
    refusals,
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
from tocsin.connectors.publish import InboxEvent, NothingToPublish, Origin, problem_reported
from tocsin.connectors.publish.reporting import FUTURE, event_id
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported

MakeEvent = Callable[[bytes, Origin], InboxEvent]
"""The event of one document's bytes; raises Unreadable or NothingToPublish."""

NOT_TEXT = tuple(media_type for media_type in KNOWN if not media_type.startswith("text/"))
A_DOCUMENT = 1024
"""What a document counts, in bytes, besides its own when work is weighed: reading even a small one takes a while."""

_DIALECT = {"name": "dialect", "in": "query", "schema": {"type": "string"}}
_OURS = frozenset({"event_id", "tenant", "recorded_at", "traceparent"})
_THEIRS = frozenset(ActivityObserved.__struct_fields__) - _OURS
_KINDS = ", ".join(kind for kind in ActivityKind if kind is not ActivityKind.UNKNOWN)
_IDS = ("message_id", "thread_id", "parent_thread_id", "connection", "record_id")


class Ignored(Struct, frozen=True):
    """A document that is right and of which no event is made, and why."""

    why: str


Made = InboxEvent | Ignored | Refusal
"""What became of a document."""
Read = tuple[Document, Made]


def ingest_routes(
    config: GatewayConfig, inbox: Inbox, rates: TenantRates, counts: GatewayMetrics, ignored: IgnoredDocuments
) -> APIRouter:
    """The routes by which events come in."""
    router = APIRouter()
    intake = Intake(config, inbox, rates, counts, ignored)
    problems = _openapi([_DIALECT, TENANT_PARAMETER, KEY_PARAMETER, *CONTEXT_PARAMETERS], PROBLEMS)
    activity = _openapi([TENANT_PARAMETER, KEY_PARAMETER], {each: activity_of(each) for each in NOT_TEXT})

    @router.post("/v1/problems", status_code=202, responses=ACCEPTED, openapi_extra=problems)
    async def publish_problems(request: Request) -> Response:
        """Publish a problem, or a batch of them (a JSON array, or NDJSON), in any known dialect. What the documents do
        not say of their context may be said beside them: `?record_id=`, `Tocsin-Record-Id:`, or in an envelope
        `{"context": {"record_id": ...}, "document": ...}`."""
        head = read_head(request)
        context, request_id = context_of(request), request_id_of(request)
        return await intake.answer(
            request, msgspec.structs.replace(head, context=context, request_id=request_id), problem_from
        )

    @router.post("/v1/activity", status_code=202, responses=ACCEPTED, openapi_extra=activity)
    async def publish_activity(request: Request) -> Response:
        """Publish what was observed: a message, a change of a record, a job, a connection."""
        return await intake.answer(request, read_head(request, known=NOT_TEXT), activity_from)

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

    async def answer(self, request: Request, head: RequestHead, make: MakeEvent) -> Response:
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
        read = await beside.do(len(body) + count * A_DOCUMENT, read_documents, body, head, config, make)
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


def read_documents(body: bytes, head: RequestHead, config: GatewayConfig, make: MakeEvent) -> Read | list[Read]:
    """The event of each document of a body, or why there is none. Raises Refusal when the body has no documents."""
    with refusals():
        documents = split(body, head, config)
    if isinstance(documents, Document):
        return _read(documents, make)
    return [_read(document, make) for document in documents]


def _read(document: Document, make: MakeEvent) -> Read:
    try:
        document = without_envelope(document)
        return document, make(document.raw, document.origin)
    except NothingToPublish as nothing:
        # No mistake of its sender, who would send it again and again if it were refused.
        return document, Ignored(nothing.why)
    except Exception as error:
        return document, refusal_of(error)


def problem_from(raw: bytes, origin: Origin) -> InboxEvent:
    """The event of one problem document. Raises Unreadable or NothingToPublish."""
    return problem_reported(raw, origin)


def activity_from(raw: bytes, origin: Origin) -> ActivityObserved:
    """The event of one activity document. The bus sets ids, tenant and the time of recording. Unknown members are
    refused: a misspelt one would silently explain nothing. Raises Unreadable."""
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    strange = document.keys() - _THEIRS
    if strange:
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"only the members {', '.join(sorted(_THEIRS))}")
    now = time.time_ns() // 1000
    ours = {
        "event_id": event_id(origin.within("activity")),
        "tenant": origin.tenant,
        "recorded_at": now,
        "occurred_at": now,
    }
    try:
        activity = msgspec.convert(ours | document | {"traceparent": origin.traceparent}, ActivityObserved)
    except msgspec.ValidationError as error:
        raise unreadable(error, ActivityObserved) from None
    if activity.kind is ActivityKind.UNKNOWN:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/kind", f"one of {_KINDS}")
    for name in _IDS:
        if len(getattr(activity, name) or "") > MAX_ID_LENGTH:
            raise Unreadable(UnreadableReason.TOO_LONG, f"/{name}", f"at most {MAX_ID_LENGTH} characters")
    if not 0 <= activity.occurred_at <= now + FUTURE:
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/occurred_at", f"{TIME}, not ahead")
    return activity


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
