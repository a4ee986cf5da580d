"""POST /v1/read, /v1/unwrap and /v1/mediation/decide: what the libraries for Python services do, for all others.

They run the same code as `tocsin read`, `tocsin.connectors.web5.unwrap` and `tocsin.connectors.mediation`; shown with
curl in docs/services.md.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from fastapi import APIRouter
from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.dialects import AUTO, DIALECT_OF_MEDIA_TYPE, DIALECTS, write_document
from tocsin.connectors.dialects.refused_members import unreadable
from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.examples import DECIDE, READ, UNWRAP
from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.gateway.problems import NOT_VALID, Refusal, refusal_of, refusals
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.recording import InboxPublisher
from tocsin.connectors.gateway.request import (
    REFUSED,
    TENANT_PARAMETER,
    RequestHead,
    read_command,
    read_head,
)
from tocsin.connectors.mediation import (
    TABLES,
    Context,
    ForeignError,
    Handled,
    Mediation,
    UnknownScenario,
    load_table,
)
from tocsin.connectors.publish import EventPublisher
from tocsin.connectors.publish.reading import CODE, read_facts
from tocsin.connectors.web5 import HttpAnswer, MalformedAnswer, NotAnAnswer, Reply, Web5Failed, unwrap
from tocsin.connectors.web5.reply import RESPONSE_HEADER
from tocsin.schemas.ids import new_event_id

MAX_CLASSES = 64
"""Class names of one exception."""


class ErrorDescription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exception in whatever language: its class, the classes that it extends from the nearest on, its text, and its
    code, where it has one (`ECONNREFUSED`, an SQLSTATE)."""

    name: str = field(name="class")
    bases: list[str] = []
    text: str = ""
    code: str | None = None


class Trouble(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a decision: one of `scenario` and `error`, and what is known of the message. `message_base64` is the
    message as it came, encrypted."""

    scenario: str | None = None
    error: ErrorDescription | None = None
    context: Context = Context()
    table: str = "identus-mediator"
    column: str = "current"
    escalate_to: str | None = None
    service: str | None = None
    request_id: str | None = None
    message_base64: bytes | None = None


def service_routes(config: GatewayConfig, inbox: Inbox, rates: TenantRates) -> APIRouter:
    """The routes. Reading and unwrapping keep nothing; a decision is recorded as a problem."""
    router = APIRouter()

    @router.post("/v1/read", responses=_answers("What the reader understands"), openapi_extra=_READ)
    async def read(request: Request) -> Response:
        """Read a problem document, or a bare code (`?dialect=code`), and publish nothing."""
        is_code = request.query_params.get("dialect") == CODE
        head = read_head(request, body=not is_code, more_dialects=(CODE,))
        raw = await _body(request, config, head, rates)
        with refusals():
            by_type = AUTO if is_code else DIALECT_OF_MEDIA_TYPE.get(head.media_type, AUTO)
            return _json(read_facts(raw, by_type if head.dialect == AUTO else head.dialect, head.media_type))

    @router.post("/v1/unwrap", responses=_answers("The reply in the answer"), openapi_extra=_UNWRAP)
    async def unwrap_answer(request: Request) -> Response:
        """Take the reply out of what a Web5 server answered; 422 when there is none in it."""
        head = read_head(request, body=False)
        raw = await _body(request, config, head, rates)
        with refusals():
            try:
                reply = unwrap(_http_answer(request, raw), operation=request.query_params.get("operation"))
            except Web5Failed as failed:
                raise _no_reply(failed) from None
            return _json(_reply(reply))

    @router.post("/v1/mediation/decide", responses=_answers("The decision"), openapi_extra=_DECIDE)
    async def decide_trouble(request: Request) -> Response:
        """Decide what a mediator or agent does about a scenario or an exception, and record it. The report for the peer
        is in `document`, to be packed and sent by the caller; `recorded` says whether the bus has it."""
        head, document, _ = await read_command(request, config)
        rates.admit(head.payer)
        rates.charge_documents(head.payer, 1)
        with refusals():
            try:
                trouble = msgspec.convert(document, Trouble)
            except msgspec.ValidationError as error:
                raise unreadable(error, Trouble) from None
            request_id = trouble.request_id or request.headers.get("x-request-id") or head.idempotency_key
            recorder = InboxPublisher(inbox, head.tenant, head.traceparent, head.tracestate)
            return _json(_decided(await _handle(trouble, request_id, recorder)))

    return router


async def _handle(trouble: Trouble, request_id: str | None, recorder: EventPublisher) -> Handled:
    if trouble.table not in TABLES:
        raise Refusal(NOT_VALID, pointer="/table", expected=f"one of {', '.join(TABLES)}")
    what = trouble.scenario if trouble.error is None else _exception(trouble.error)
    if what is None or (trouble.scenario and trouble.error):
        raise Refusal(NOT_VALID, pointer="", expected="one of scenario and error")
    mediation = Mediation(
        load_table(trouble.table),
        recorder,
        column=trouble.column,
        escalate_to=trouble.escalate_to,
        service=trouble.service,
    )
    try:
        return await mediation.handle(what, trouble.context, encrypted=trouble.message_base64, request_id=request_id)
    except UnknownScenario:
        table = mediation.table
        if trouble.column not in table.columns:
            raise Refusal(NOT_VALID, pointer="/column", expected=f"one of {', '.join(table.columns)}") from None
        raise Refusal(NOT_VALID, pointer="/scenario", expected=f"one of {', '.join(table.scenarios)}") from None


def _exception(error: ErrorDescription) -> ForeignError:
    return ForeignError([error.name, *error.bases][:MAX_CLASSES], error.text, error.code)


def _decided(handled: Handled) -> dict[str, object]:
    event_id = handled.receipt.event_id if handled.receipt else None
    document = handled.document
    return {
        "decision": msgspec.to_builtins(handled.decision) | {"scenario_id": handled.decision.scenario_id},
        "document": None if document is None else {"id": event_id or new_event_id()} | document,
        "request_id": handled.request_id,
        "message_sha256": handled.message_sha256,
        "recorded": handled.receipt is not None,
        "event_id": event_id,
        "unrecorded": None if handled.unrecorded is None else refusal_of(handled.unrecorded).kind.name,
    }


def _http_answer(request: Request, raw: bytes) -> HttpAnswer | bytes:
    """The answer with what HTTP said beside it, if the caller tells: `?status=`, and the header dwn-response."""
    said, header = request.query_params.get("status"), request.headers.get(RESPONSE_HEADER)
    if said is None and header is None:
        return raw
    status = said or "200"
    if not (status.isascii() and status.isdigit() and len(status) == 3):
        raise Refusal(NOT_VALID, pointer="?status", expected="an HTTP status, such as 502")
    return HttpAnswer(status=int(status), body=raw, headers={} if header is None else {RESPONSE_HEADER: header})


def _reply(reply: Reply) -> dict[str, object]:
    members = {name: getattr(reply, name) for name in _OF_REPLY}
    problem = None if reply.problem is None else write_document(reply.problem, "canonical")
    found: dict[str, object] = msgspec.to_builtins(members)
    return found | {"problem": problem}


_OF_REPLY = (
    "kind", "request_completed", "outcome_ok", "status", "rest", "rpc_id", "rpc_code", "dwn_code", "data", "advice",
    "meaning",
)  # fmt: skip


def _no_reply(failed: Web5Failed) -> Refusal:
    """What `unwrap` raises, as a refusal; no member quotes the answer."""
    more: dict[str, object] = {"failed": type(failed).__name__, "advice": failed.advice, "code": failed.code}
    if isinstance(failed, NotAnAnswer | MalformedAnswer):
        more["case"] = str(failed.case)
    if isinstance(failed, MalformedAnswer):
        more |= {"pointer": failed.pointer, "expected": failed.expected}
    return Refusal(NOT_VALID, detail=f"There is no reply in it: {failed.message}.", **more)


async def _body(request: Request, config: GatewayConfig, head: RequestHead, rates: TenantRates) -> bytes:
    rates.admit(head.payer)
    raw = await read_body(request, config)
    rates.charge_bytes(head.payer, len(raw))
    rates.charge_documents(head.payer, 1)
    return raw


def _json(document: object) -> Response:
    # What stands in a foreign document may be longer than 64 bits, or half a surrogate pair.
    return Response(json.dumps(document, default=str), 200, media_type="application/json")


def _answers(description: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description}, **REFUSED}


def _query(name: str, **schema: object) -> dict[str, object]:
    return {"name": name, "in": "query", "schema": {"type": "string"} | schema}


_READ: dict[str, Any] = {
    "parameters": [_query("dialect", enum=[AUTO, CODE, *DIALECTS]), TENANT_PARAMETER],
    "requestBody": {"required": True, "content": READ},
}
_UNWRAP: dict[str, Any] = {
    "parameters": [_query("operation"), _query("status", pattern="^[0-9]{3}$"), TENANT_PARAMETER],
    "requestBody": {"required": False, "content": UNWRAP},
}
_DECIDE: dict[str, Any] = {
    "parameters": [TENANT_PARAMETER],
    "requestBody": {"required": True, "content": DECIDE},
}
