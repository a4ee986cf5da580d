"""POST /v1/logs and /v1/traces: exports of OpenTelemetry by OTLP/HTTP, in protobuf and in JSON.

200 says that Kafka has what tells an error, and how many records could not be read; what an exporter should send again
is 429 or 503, as OTLP has it, and refusals are its `google.rpc.Status`. There are no metrics here, which is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.problems import Refusal, refuse
from tocsin.connectors.gateway.request import TENANT_PARAMETER, media_type_of
from tocsin.connectors.gateway.source_kinds import NO_METRICS
from tocsin.connectors.gateway.sources.examples import OTLP_LOGS, OTLP_TRACES, body_of
from tocsin.connectors.gateway.sources.intake import SourceIntake
from tocsin.connectors.sources.otlp import (
    EXPORTED_LOGS,
    EXPORTED_TRACES,
    JSON,
    LOGS,
    PROTOBUF,
    REJECTED,
    TRACES,
    Signal,
)
from tocsin.connectors.sources.port import Heard, MessageSource

METRICS = "/v1/metrics"
SIGNALS: Mapping[str, tuple[Signal, MessageSource]] = {
    "/v1/logs": (LOGS, EXPORTED_LOGS),
    "/v1/traces": (TRACES, EXPORTED_TRACES),
}
"""By the path that every exporter adds to its endpoint."""

_STATUS = {408: 503, 422: 400}
"""Statuses that OTLP has others for: a body that came too slowly may be sent again, bad data is 400."""
_KEPT = ("retry-after", "connection", "www-authenticate", "cache-control", "allow")
_FORMS: dict[str, Any] = {PROTOBUF: {}, JSON: {}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Kafka has what tells an error; the rest is counted", "content": _FORMS},
    **{
        status: {"description": "Refused: google.rpc.Status", "content": _FORMS}
        for status in (400, 401, 403, 404, 413, 415, 421, 429, 431, 503)
    },
}


def otlp_routes(intake: SourceIntake) -> APIRouter:
    """The routes of exporters."""
    router = APIRouter()

    async def take_export(request: Request) -> Response:
        """Take an export of OpenTelemetry: what tells an error becomes problems, in the trace in which it was; the rest
        is not kept."""
        signal, source = SIGNALS[request.scope["route"].path]
        return _answer(request, signal, await intake.take(request, source))

    async def refuse_metrics(request: Request) -> Response:
        """There are no metrics here: always 404."""
        raise Refusal(NO_METRICS)

    for path, example in zip(SIGNALS, (OTLP_LOGS, OTLP_TRACES), strict=True):
        router.add_api_route(
            path, take_export, methods=["POST"], responses=_ANSWERS,
            openapi_extra={"requestBody": body_of(JSON, example, PROTOBUF), "parameters": [TENANT_PARAMETER]},
        )  # fmt: skip
    router.add_api_route(METRICS, refuse_metrics, methods=["POST"], status_code=404, responses=_ANSWERS)
    return router


def as_status(request: Request, refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response | None:
    """A refusal as exporters expect it; None for whatever is no export."""
    if getattr(request.scope.get("route"), "path", None) not in (*SIGNALS, METRICS):
        return None
    plain, said = refuse(refusal, dict(headers or {})), refusal.document()
    why = f"expected {said['expected']}" if "expected" in said else said["detail"]
    status = Status(message=f"{said['title']}: {why}")
    about = {name: str(said[name]) for name in ("type", "instance")}
    status.details.add().Pack(ErrorInfo(reason=_reason(refusal.kind.name), domain="tocsin", metadata=about))
    code = _STATUS.get(plain.status_code, plain.status_code)
    if code == 400:
        field = BadRequest.FieldViolation(field=str(said.get("pointer", "")), description=str(why))
        status.details.add().Pack(BadRequest(field_violations=[field]))
    kept = {name: plain.headers[name] for name in _KEPT if name in plain.headers}
    return _written(request, status, code, kept)


def _reason(name: str) -> str:
    """The name of a refusal as google.rpc writes them: `SCOPE_MISSING`."""
    return name.upper().replace("-", "_")


def _answer(request: Request, signal: Signal, heard: list[Heard]) -> Response:
    answer: Any = signal.answer()
    rejected = sum(each.count for each in heard if each.what == REJECTED)
    whys = dict.fromkeys(why for each in heard for why in each.ignored)
    if whys:
        setattr(answer.partial_success, signal.rejected, rejected)
        answer.partial_success.error_message = "; ".join(whys)
    return _written(request, answer, 200)


def _written(request: Request, message: Message, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """A message in the form in which the request was."""
    if media_type_of(request, ()) == PROTOBUF:
        return Response(message.SerializeToString(), status, headers, media_type=PROTOBUF)
    return Response(MessageToJson(message, indent=None), status, headers, media_type=JSON)
