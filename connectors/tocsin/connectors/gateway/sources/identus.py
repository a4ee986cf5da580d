"""POST /v1/agents/identus...: webhooks of Identus Cloud Agent, global ones and those of a wallet, as they are."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.request import ACCEPTED, TENANT_PARAMETER
from tocsin.connectors.gateway.sources.answering import answer, in_path
from tocsin.connectors.gateway.sources.examples import IDENTUS as EXAMPLE
from tocsin.connectors.gateway.sources.examples import body_of
from tocsin.connectors.gateway.sources.intake import SourceIntake
from tocsin.connectors.sources.identus import IDENTUS

PATHS = tuple(f"/v1/agents/identus{tenant}{slash}" for tenant in ("/{tenant}", "") for slash in ("", "/"))
"""With and without a tenant, and a slash at the end, as people write addresses."""
_BODY = body_of("application/json", EXAMPLE, required=["type"])


def identus_routes(intake: SourceIntake) -> APIRouter:
    """The routes of the webhooks."""
    router = APIRouter()

    async def take_event(request: Request) -> Response:
        """Take an event of Identus Cloud Agent of any type, as it is: 202 once Kafka has what it means."""
        return answer(await intake.take(request, IDENTUS))

    for path in PATHS:
        named = [in_path("tenant") if "{tenant}" in path else TENANT_PARAMETER]
        router.add_api_route(
            path, take_event, methods=["POST"], status_code=202, responses=ACCEPTED,
            openapi_extra={"requestBody": _BODY, "parameters": named}, include_in_schema=not path.endswith("/"),
        )  # fmt: skip
    return router
