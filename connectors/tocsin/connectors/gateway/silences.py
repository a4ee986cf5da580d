"""POST, GET and DELETE /v1/silences: what the topic `settings` has of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commanding import ended_silence, silence_set
from tocsin.connectors.gateway.asking import asked
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.ordering import BY_HEADER, PARAMETERS, REFUSALS, ordered
from tocsin.connectors.gateway.problems import MEDIA_TYPE, NOT_FOUND, NOT_VALID, TOO_MANY_SILENCES, Refusal
from tocsin.connectors.gateway.taking import refusal_of
from tocsin.connectors.publish.headers import rfc3339
from tocsin.schemas.events import SilenceSet

TENANT_SILENCES = 100
"""How many silences a tenant may have at a time."""


class SilencePort(Protocol):
    """Where silences are kept; the topic `settings` in a running bus."""

    def current(self) -> tuple[SilenceSet, ...]:
        """Those that have not ended, as far as they were read: what another gateway stored comes soon after."""
        ...

    def refusal(self, silence: SilenceSet) -> str | None:
        """Why the rules cannot use it, or None."""
        ...

    async def store(self, silence: SilenceSet) -> None:
        """Store it; returns only once Kafka has it. Raises a PublishFailed."""
        ...


def silence_routes(config: GatewayConfig, silences: SilencePort) -> APIRouter:
    """The routes. Each tenant sees and ends only its own."""
    router = APIRouter()
    accepted: dict[int | str, dict[str, Any]] = {202: {"description": "Kafka has acknowledged it"}, **REFUSALS}
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}
    missing: dict[int | str, dict[str, Any]] = {404: {"description": "No such silence", "content": {MEDIA_TYPE: {}}}}

    @router.post("/v1/silences", status_code=202, responses=accepted, openapi_extra={"parameters": PARAMETERS, **body})
    async def make(request: Request) -> Response:
        """Tell nobody of what fits all matchers, until a time (`until`) or for a span (`for`)."""
        question, document, by = await ordered(request, config)
        try:
            silence = silence_set(document, question.origin(), by=by)
        except Exception as error:
            raise refusal_of(error) from None
        why = silences.refusal(silence)
        if why is not None:
            raise Refusal(NOT_VALID, pointer="/matchers", expected=why)
        if len(_of(question.tenant, silences)) >= TENANT_SILENCES:
            raise Refusal(TOO_MANY_SILENCES, limit=TENANT_SILENCES)
        return await _store(silence, silences, config)

    @router.get("/v1/silences", responses={400: REFUSALS[400]}, openapi_extra={"parameters": PARAMETERS[:1]})
    async def every(request: Request) -> Response:
        """The tenant's silences that have not ended, those that end first before the others."""
        found = sorted(
            _of(asked(request, config, body=False).tenant, silences), key=lambda one: (one.ends_at, one.silence)
        )
        return Response(
            msgspec.json.encode({"silences": [_shown(one) for one in found]}), media_type="application/json"
        )

    @router.delete(
        "/v1/silences/{silence}",
        status_code=202,
        responses=accepted | missing,
        openapi_extra={"parameters": [PARAMETERS[0], PARAMETERS[2]]},
    )
    async def end(request: Request, silence: str) -> Response:
        """End a silence before its time. Who says so: the header Tocsin-By, or `?by=`."""
        known = {one.silence: one for one in _of(asked(request, config, body=False).tenant, silences)}
        if silence not in known:
            raise Refusal(NOT_FOUND)
        said = request.query_params
        try:
            ended = ended_silence(known[silence], said.get("by") or request.headers.get(BY_HEADER), said.get("why"))
        except Exception as error:
            raise refusal_of(error) from None
        return await _store(ended, silences, config)

    return router


async def _store(silence: SilenceSet, silences: SilencePort, config: GatewayConfig) -> Response:
    try:
        async with asyncio.timeout(config.deadline + 1):
            await silences.store(silence)
    except Exception as error:
        raise refusal_of(error) from None
    answer = {"event_id": silence.event_id, "silence": silence.silence}
    return Response(msgspec.json.encode(answer), 202, media_type="application/json")


def _of(tenant: str, silences: SilencePort) -> list[SilenceSet]:
    return [one for one in silences.current() if one.tenant == tenant]


def _shown(silence: SilenceSet) -> dict[str, object]:
    return {
        "silence": silence.silence,
        "matchers": msgspec.to_builtins(silence.matchers),
        "starts_at": rfc3339(silence.starts_at),
        "ends_at": rfc3339(silence.ends_at),
        "status": "active" if silence.starts_at <= time.time_ns() // 1000 else "pending",
        "by": silence.by,
        "why": silence.why,
    }
