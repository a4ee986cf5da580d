"""POST, GET and DELETE /v1/silences: what the topic `settings` has of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import ended_silence, silence_set
from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.examples import SILENCE
from tocsin.connectors.gateway.keys import UsedKeys
from tocsin.connectors.gateway.page_port import shown
from tocsin.connectors.gateway.problems import MEDIA_TYPE, NOT_FOUND, NOT_VALID, TOO_MANY_SILENCES, Refusal, refusals
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import (
    ACCEPTED,
    BY_HEADER,
    BY_PARAMETER,
    KEY_PARAMETER,
    READ_REFUSED,
    TENANT_PARAMETER,
    read_command,
    read_head,
)
from tocsin.connectors.publish.headers import rfc3339
from tocsin.schemas.events import SilenceSet

TENANT_SILENCES = 100
"""How many silences a tenant may have at a time."""


class FileSilence(Struct, frozen=True):
    """A silence of the rules file, which holds for every tenant that it may match: not what it matches, which may name
    another's. Times are in microseconds."""

    name: str
    starts_at: int
    ends_at: int
    by: str
    why: str | None


class SilencePort(Protocol):
    """Where silences are kept; the topic `settings` in a running bus."""

    def current(self) -> tuple[SilenceSet, ...]:
        """Those that have not ended, as far as they were read: what another gateway stored comes soon after."""
        ...

    def expired(self) -> tuple[SilenceSet, ...]:
        """Those that ended by themselves within the last day."""
        ...

    async def of_file(self, tenant: str | None) -> Sequence[FileSilence]:
        """Those of the rules file that have not ended and are not another tenant's; all, where no tenant is named."""
        ...

    def refusal(self, silence: SilenceSet) -> str | None:
        """Why the rules cannot use it, or None."""
        ...

    async def store(self, silence: SilenceSet) -> None:
        """Store it; returns only once Kafka has it. Raises a PublishFailed."""
        ...


def silence_routes(config: GatewayConfig, silences: SilencePort, keys: UsedKeys, rates: TenantRates) -> APIRouter:
    """The routes. Each tenant sees and ends only its own."""
    router = APIRouter()
    parameters = [TENANT_PARAMETER, KEY_PARAMETER, BY_PARAMETER]
    body = {"requestBody": {"required": True, "content": SILENCE}}
    missing: dict[int | str, dict[str, Any]] = {404: {"description": "No such silence", "content": {MEDIA_TYPE: {}}}}

    @router.post("/v1/silences", status_code=202, responses=ACCEPTED, openapi_extra={"parameters": parameters, **body})
    async def make(request: Request) -> Response:
        """Tell nobody of what fits all matchers, until a time (`until`) or for a span (`for`)."""
        head, document, by = await read_command(request, config)
        rates.admit(head.payer)
        rates.charge_documents(head.payer, 1)
        with refusals():
            silence = silence_set(document, head.origin(), by=by)
        why = silences.refusal(silence)
        if why is not None:
            raise Refusal(NOT_VALID, pointer="/matchers", expected=f"matchers that the rules can use (here: {why})")
        if len(_of(head.tenant, silences)) >= TENANT_SILENCES:
            raise Refusal(TOO_MANY_SILENCES, limit=TENANT_SILENCES)
        keyed = msgspec.json.encode([document, by])
        with nullcontext() if head.idempotency_key is None else keys.use(silence.event_id, keyed):
            return await _store(silence, silences, config)

    @router.get("/v1/silences", responses=READ_REFUSED, openapi_extra={"parameters": [TENANT_PARAMETER]})
    async def every(request: Request) -> Response:
        """The tenant's silences that have not ended, those that end first before the others; those that ended by
        themselves within the last day (`expired`); and those of the rules file (`file`), but for those that are for
        other tenants alone."""
        tenant, now = read_head(request, body=False).tenant, time.time_ns() // 1000
        of_file = await silences.of_file(None if caller_of(request).every_tenant else tenant)
        document = {
            "silences": _listed(silences.current(), tenant, now),
            "expired": _listed(silences.expired(), tenant, now),
            "file": [_told(one, now) | {"name": one.name} for one in of_file],
        }
        return shown(request, "silences", document)

    @router.delete(
        "/v1/silences/{silence}",
        status_code=202,
        responses=ACCEPTED | missing,
        openapi_extra={"parameters": [TENANT_PARAMETER, BY_PARAMETER]},
    )
    async def end(request: Request, silence: str) -> Response:
        """End a silence before its time. Who says so: the header Tocsin-By, or `?by=`."""
        known = {one.silence: one for one in _of(read_head(request, body=False).tenant, silences)}
        if silence not in known:
            raise Refusal(NOT_FOUND)
        said = request.query_params
        with refusals():
            ended = ended_silence(known[silence], said.get("by") or request.headers.get(BY_HEADER), said.get("why"))
        return await _store(ended, silences, config)

    return router


async def _store(silence: SilenceSet, silences: SilencePort, config: GatewayConfig) -> Response:
    with refusals():
        async with asyncio.timeout(config.deadline + 1):
            await silences.store(silence)
    answer = {"event_id": silence.event_id, "silence": silence.silence}
    return Response(msgspec.json.encode(answer), 202, media_type="application/json")


def _of(tenant: str, silences: SilencePort) -> list[SilenceSet]:
    return [one for one in silences.current() if one.tenant == tenant]


def _listed(silences: Iterable[SilenceSet], tenant: str, now: int) -> list[dict[str, object]]:
    own = sorted((one for one in silences if one.tenant == tenant), key=lambda one: (one.ends_at, one.silence))
    return [{"silence": one.silence, "matchers": msgspec.to_builtins(one.matchers)} | _told(one, now) for one in own]


def _told(silence: SilenceSet | FileSilence, now: int) -> dict[str, object]:
    status = "active" if silence.starts_at <= now else "pending"
    return {
        "starts_at": rfc3339(silence.starts_at),
        "ends_at": rfc3339(silence.ends_at),
        "status": status if now < silence.ends_at else "expired",
        "by": silence.by,
        "why": silence.why,
    }
