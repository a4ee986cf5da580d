"""POST /api/{project}/envelope/ and /store/: where Sentry's SDKs send, given a DSN such as http://KEY@bus:8700/1."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.request import REFUSED, TENANT_PARAMETER
from tocsin.connectors.gateway.sources.examples import SENTRY_ENVELOPE, SENTRY_EVENT, body_of
from tocsin.connectors.gateway.sources.intake import SourceIntake
from tocsin.connectors.sources.port import Heard, MessageSource
from tocsin.connectors.sources.sentry import ENVELOPES, NOT_TAKEN, STORE
from tocsin.schemas.events import ProblemReported

LIMITS = "x-sentry-rate-limits"
"""The header by which an SDK is told what to keep to itself: `SECONDS:CATEGORIES:SCOPE:WHY`, all without categories."""
UNWANTED = f"3600:{';'.join(sorted(set(filter(None, NOT_TAKEN.values()))))}:organization:not-taken"
"""What becomes nothing, for an hour. It is said with every answer, so that the next envelope is no larger than need be:
an attachment of megabytes would have an error refused that comes with it."""
SOURCES = {"envelope": ENVELOPES, "store": STORE}

_KEY = {"name": "sentry_key", "in": "query", "schema": {"type": "string"}}
_BODIES = {
    "envelope": body_of("application/octet-stream", SENTRY_ENVELOPE),
    "store": body_of("application/json", SENTRY_EVENT),
}
_TAKEN = "Kafka has what it means; `ignored` says what of it could not be read"
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"description": _TAKEN}, **REFUSED}


def sentry_routes(intake: SourceIntake) -> APIRouter:
    """The routes of Sentry's SDKs."""
    router = APIRouter()

    async def take_envelope(request: Request) -> Response:
        """Take an envelope of a Sentry SDK: 200 once Kafka has its errors; its other items become nothing."""
        return await _take(intake, request, SOURCES["envelope"])

    async def take_event(request: Request) -> Response:
        """Take an event of a Sentry SDK, as older ones send it: 200 once Kafka has it."""
        return await _take(intake, request, SOURCES["store"])

    for what, take in (("envelope", take_envelope), ("store", take_event)):
        for slash in ("/", ""):
            router.add_api_route(
                f"/api/{{project}}/{what}{slash}", take, methods=["POST"], responses=_ANSWERS,
                openapi_extra={"requestBody": _BODIES[what], "parameters": [_KEY, TENANT_PARAMETER]},
                include_in_schema=slash == "/", operation_id=None,
            )  # fmt: skip
    return router


async def _take(intake: SourceIntake, request: Request, source: MessageSource) -> Response:
    try:
        heard = await intake.take(request, source, topic=request.path_params["project"])
    except Refusal as refusal:
        wait = refusal.more.get("retry_after", refusal.kind.retry_after)
        waiting = [f"{wait}::key:{refusal.kind.name}"] if refusal.kind.status == 429 else []
        refusal.headers[LIMITS] = ", ".join([*waiting, UNWANTED])
        raise
    return Response(msgspec.json.encode(_answer(heard)), 200, headers={LIMITS: UNWANTED}, media_type="application/json")


def _answer(heard: list[Heard]) -> dict[str, object]:
    """The id that the SDK gave its event, and why items beside it became nothing that should not have."""
    whys = [why for each in heard for why in each.ignored]
    answer: dict[str, object] = {"ignored": whys} if whys else {}
    for each in heard:
        for event in each.events:
            if isinstance(event, ProblemReported) and "event_id" in event.problem.extensions:
                return {"id": msgspec.json.decode(event.problem.extensions["event_id"], type=str), **answer}
    return answer
