"""POST /v1/agents/acapy/...: ACA-Py's webhooks, as they are (`--webhook-url http://bus:8700/v1/agents/acapy/acme#KEY`)."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.request import ACCEPTED, TENANT_PARAMETER
from tocsin.connectors.gateway.sources.answering import answer, in_path
from tocsin.connectors.gateway.sources.examples import ACAPY as EXAMPLE
from tocsin.connectors.gateway.sources.examples import body_of
from tocsin.connectors.gateway.sources.intake import SourceIntake
from tocsin.connectors.sources.acapy import ACAPY

_WEBHOOK = "/v1/agents/acapy{tenant}/topic/{{topic}}{slash}"
PATHS = tuple(_WEBHOOK.format(tenant=tenant, slash=slash) for tenant in ("/{tenant}", "") for slash in ("/", ""))
"""With and without a tenant, and a slash at the end: ACA-Py puts one there, which some proxies take away."""
_BODY = body_of("application/json", EXAMPLE)


def acapy_routes(intake: SourceIntake) -> APIRouter:
    """The routes of ACA-Py's webhooks."""
    router = APIRouter()

    async def take_webhook(request: Request) -> Response:
        """Take a webhook of ACA-Py of any topic, as it is: 202 once Kafka has what it means."""
        return answer(await intake.take(request, ACAPY, topic=request.path_params["topic"]))

    for path in PATHS:
        named = [in_path("topic"), in_path("tenant") if "{tenant}" in path else TENANT_PARAMETER]
        router.add_api_route(
            path, take_webhook, methods=["POST"], status_code=202, responses=ACCEPTED,
            openapi_extra={"requestBody": _BODY, "parameters": named}, include_in_schema=path.endswith("/"),
        )  # fmt: skip
    return router
