"""POST /v1/problems/{id}/acknowledge, /resolve, /snooze and /choose: 202 only for what Kafka has acknowledged, 200
only for what was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import command_issued
from tocsin.connectors.commands.command import MEMBERS
from tocsin.connectors.gateway.answers import ANSWERED, WAIT_PARAMETER, StoredCommands, wait_of
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.examples import COMMAND
from tocsin.connectors.gateway.inbox import Inbox
from tocsin.connectors.gateway.problems import NO_SUCH_CASE, Refusal, refusals
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import ACCEPTED, BY_PARAMETER, KEY_PARAMETER, TENANT_PARAMETER, read_command
from tocsin.schemas.events import CommandKind

_SUMMARIES = {
    CommandKind.ACKNOWLEDGE: "Somebody has taken the case: no further step of its escalation.",
    CommandKind.RESOLVE: "The case is over; who was told of it is told so.",
    CommandKind.SNOOZE: "No step of its escalation until a time, then it goes on.",
    CommandKind.CHOOSE: "Wait, retry or give up: about a reply that does not come.",
}
_BODY = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in MEMBERS},
    "additionalProperties": False,
}


def command_routes(config: GatewayConfig, inbox: Inbox, rates: TenantRates, stored: StoredCommands | None) -> APIRouter:
    """The routes by which people answer. `{target}` is a case, or an id that belongs to one (of an event or a delivery
    only for who waits); for a choice also the message that was sent, or its thread."""
    router = APIRouter()
    openapi: dict[str, Any] = {
        "parameters": [TENANT_PARAMETER, KEY_PARAMETER, BY_PARAMETER, WAIT_PARAMETER],
        "requestBody": {"content": {"application/json": {"schema": _BODY, "example": COMMAND}}},
    }
    for kind, summary in _SUMMARIES.items():
        router.add_api_route(
            f"/v1/problems/{{target:path}}/{kind}",
            _route(kind, config, inbox, rates, stored),
            methods=["POST"],
            status_code=202,
            responses=ACCEPTED | ANSWERED,
            openapi_extra=openapi,
            name=str(kind),
            description=summary,
        )
    return router


def _route(
    kind: CommandKind, config: GatewayConfig, inbox: Inbox, rates: TenantRates, stored: StoredCommands | None
) -> Callable[[Request, str], Awaitable[Response]]:
    async def take(request: Request, target: str) -> Response:
        within = wait_of(request)
        head, document, by = await read_command(request, config)
        rates.admit(head.payer)
        rates.charge_documents(head.payer, 1)
        with refusals():
            event = command_issued(kind, target.removeprefix("urn:uuid:"), document, head.origin(), by=by)
        keyed = None if head.idempotency_key is None else msgspec.json.encode([document, by])
        answer = await inbox.store(event, keyed)
        if stored is None:
            return Response(msgspec.json.encode(answer), 202, media_type="application/json")
        try:
            return await stored.answered(event.event_id, head.tenant, within)
        except Refusal as refusal:
            # The id of an event or of a delivery: the rules know it by its case.
            if refusal.kind is not NO_SUCH_CASE or within is None or kind is CommandKind.CHOOSE:
                raise
            case = await stored.case_of(event.target, head.tenant, within)
            if case is None or case == event.target:
                raise  # by its own case it would be kept, or refused, once more
        with refusals():
            event = command_issued(kind, case, document, head.origin().within("case"), by=by)
        await inbox.store(event)
        return await stored.answered(event.event_id, head.tenant, within)

    return take
