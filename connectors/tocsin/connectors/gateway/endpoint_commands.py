"""POST /v1/endpoints/{name}/enable and /disable: an endpoint of the rules file, which is the operator's, is steered by
who may see every tenant. One that a tenant made is steered by /v1/subscriptions."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.commands import reason, who
from tocsin.connectors.gateway.admission import caller_of
from tocsin.connectors.gateway.answers import ANSWERED, WAIT_PARAMETER, StoredCommands, wait_of
from tocsin.connectors.gateway.ask_kinds import NOT_KNOWN
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import OPERATORS_ONLY, Refusal, refusals
from tocsin.connectors.gateway.rates import TenantRates
from tocsin.connectors.gateway.request import ACCEPTED, BY_PARAMETER, TENANT_PARAMETER, read_command
from tocsin.connectors.gateway.subscription_requests import text_of
from tocsin.schemas.events import EndpointCommandKind
from tocsin.schemas.ids import new_event_id

_SAYS = {
    EndpointCommandKind.ENABLE: "Deliver to it again: what was parked goes out in order.",
    EndpointCommandKind.DISABLE: "Deliver nothing for now: what is for it is parked.",
}


class SteeringPort(Protocol):
    """Where commands to endpoints of the rules file go; the topic `deliveries` in a running bus."""

    async def steer(self, name: str, kind: EndpointCommandKind, by: str, why: str | None, ident: str) -> str | None:
        """Store the command, whose answer comes under `ident`: the tenant under which it is answered. None: the rules
        file has no such endpoint, and nothing was stored. Raises a PublishFailed."""
        ...


def endpoint_command_routes(
    config: GatewayConfig, steering: SteeringPort | None, rates: TenantRates, stored: StoredCommands
) -> APIRouter:
    """The routes; none without `steering`."""
    router = APIRouter()
    if steering is None:
        return router
    openapi: dict[str, Any] = {"parameters": [TENANT_PARAMETER, BY_PARAMETER, WAIT_PARAMETER]}
    for kind, says in _SAYS.items():
        router.add_api_route(
            f"/v1/endpoints/{{name:path}}/{kind}",
            _route(kind, config, steering, rates, stored),
            methods=["POST"],
            status_code=202,
            responses=ACCEPTED | ANSWERED,
            openapi_extra=openapi,
            name=f"{kind}_endpoint",
            description=says,
        )
    return router


def _route(
    kind: EndpointCommandKind,
    config: GatewayConfig,
    steering: SteeringPort,
    rates: TenantRates,
    stored: StoredCommands,
) -> Any:
    async def steer(request: Request, name: str) -> Response:
        within = wait_of(request)
        head, document, by = await read_command(request, config)
        rates.admit(head.payer)
        rates.charge_documents(head.payer, 1)
        if not caller_of(request).every_tenant:
            raise Refusal(OPERATORS_ONLY)
        ident = new_event_id()
        with refusals():
            said, why = who(text_of(document.get("by")) or by), reason(text_of(document.get("why")))
            tenant = await steering.steer(name, kind, said, why, ident)
        if tenant is None:
            raise Refusal(NOT_KNOWN)
        return await stored.answered(ident, tenant, within)

    return steer
