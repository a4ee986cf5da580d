"""POST /v1/problems and POST /v1/activity: body -> documents -> events -> stored -> answer.

202 only for what Kafka has acknowledged. Each document of a batch is read, stored and answered for itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.expecting import TIME, unreadable
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.gateway.context import CONTEXT_PARAMETERS, context_of, request_id_of
from tocsin.connectors.gateway.documents import Document, split, without_envelope
from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.problems import (
    KAFKA_AWAY,
    NONE_ACCEPTED,
    NOT_A_PROBLEM,
    UNCONFIRMED,
    Refusal,
    refusals,
    refuse,
)
from tocsin.connectors.gateway.request import (
    ACCEPTED,
    KEY_PARAMETER,
    KNOWN,
    TENANT_PARAMETER,
    GatewayConfig,
    RequestHead,
    keyed_by_webhook,
    read_body,
    read_head,
)
from tocsin.connectors.publish import InboxEvent, NothingToPublish, Origin, problem_reported
from tocsin.connectors.publish.reporting import FUTURE, event_id
from tocsin.schemas.events import ActivityKind, ActivityObserved

log = logging.getLogger(__name__)

MakeEvent = Callable[[bytes, Origin], InboxEvent]
"""The event of one document's bytes; raises Unreadable or NothingToPublish."""

_DIALECT = {"name": "dialect", "in": "query", "schema": {"type": "string"}}
_OURS = frozenset({"event_id", "tenant", "recorded_at", "traceparent"})
_THEIRS = frozenset(ActivityObserved.__struct_fields__) - _OURS
_KINDS = ", ".join(kind for kind in ActivityKind if kind is not ActivityKind.UNKNOWN)
_IDS = ("message_id", "thread_id", "parent_thread_id", "connection", "record_id")


def ingest_routes(config: GatewayConfig, inbox: Inbox, counts: GatewayMetrics) -> APIRouter:
    """The routes by which events come in."""
    router = APIRouter()
    problems = _openapi([_DIALECT, TENANT_PARAMETER, KEY_PARAMETER, *CONTEXT_PARAMETERS])
    activity = _openapi([TENANT_PARAMETER, KEY_PARAMETER])

    @router.post("/v1/problems", status_code=202, responses=ACCEPTED, openapi_extra=problems)
    async def publish_problems(request: Request) -> Response:
        """Publish a problem, or a batch of them (a JSON array, or NDJSON), in any known dialect. What the documents do
        not say of their context may be said beside them: `?record_id=`, `Tocsin-Record-Id:`, or in an envelope
        `{"context": {"record_id": ...}, "document": ...}`."""
        head = read_head(request, config)
        context, request_id = context_of(request), request_id_of(request)
        return await ingest(
            request, msgspec.structs.replace(head, context=context, request_id=request_id), problem_from
        )

    @router.post("/v1/activity", status_code=202, responses=ACCEPTED, openapi_extra=activity)
    async def publish_activity(request: Request) -> Response:
        """Publish what was observed: a message, a change of a record, a job, a connection."""
        return await ingest(request, read_head(request, config), activity_from)

    async def ingest(request: Request, head: RequestHead, make: MakeEvent) -> Response:
        body = await read_body(request, config)
        head = keyed_by_webhook(head, request, body)
        with refusals():
            documents = split(body, head, config)
        if isinstance(documents, Document):
            return _json(await store(documents, make))
        return _answer_batch(await asyncio.gather(*(store_or_refuse(each, make) for each in documents)))

    async def store_or_refuse(document: Document, make: MakeEvent) -> dict[str, object]:
        try:
            return await store(document, make)
        except Refusal as refusal:
            counts.count_refused(refusal.kind.name)
            return {"error": refusal.document()}

    async def store(document: Document, make: MakeEvent) -> dict[str, object]:
        with refusals():
            try:
                document = without_envelope(document)
                event = make(document.raw, document.origin)
            except NothingToPublish as nothing:
                # No mistake of its sender, who would send it again and again if it were refused.
                counts.count_refused(NOT_A_PROBLEM.name)
                note_ignored(document, nothing.why)
                return {"ignored": nothing.why}
        return await inbox.store(event)

    return router


def note_ignored(document: Document, why: str) -> None:
    """Log what was not a problem: whose it was and which bytes they were, not what they say."""
    log.info(
        "not a problem: %s (tenant %s, %s, %d bytes, sha256 %s)",
        why,
        document.origin.tenant,
        document.origin.media_type,
        len(document.raw),
        hashlib.sha256(document.raw).hexdigest(),
    )


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
    ours = {"event_id": event_id(origin), "tenant": origin.tenant, "recorded_at": now, "occurred_at": now}
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


def _openapi(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {media_type: {"schema": {}} for media_type in KNOWN}
    return {"parameters": parameters, "requestBody": {"required": True, "content": content}}
