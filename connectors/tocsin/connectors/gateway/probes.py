"""What is read by machines: /healthz, /readyz, /metrics, and the read-only schema registry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tocsin.connectors.gateway.body import read_body
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.metrics.making import exposed
from tocsin.schemas.registry import Registry, answer

Ready = Callable[[], Awaitable[bool | str]]
"""True = ready; False or a sentence = not ready, and why."""

READY_WITHIN = 5.0
REGISTRY_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


def probe_routes(ready: Ready, registry: CollectorRegistry | None) -> APIRouter:
    """The routes for probes and, unless `registry` is shown elsewhere (None), for Prometheus."""
    router = APIRouter()

    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> Response:
        """200 as long as the process answers."""
        return PlainTextResponse("ok\n")

    @router.get("/readyz", response_class=PlainTextResponse, responses={503: {"description": "Not ready, and why"}})
    async def readyz() -> Response:
        """200 when events can be stored; else 503 and the reason."""
        reason = await _reason(ready)
        if reason is None:
            return PlainTextResponse("ready\n")
        return PlainTextResponse(f"{reason}\n", 503, headers={"retry-after": "1"})

    if registry is None:
        return router

    @router.get("/metrics", response_class=PlainTextResponse, responses={401: {}, 403: {}})
    async def metrics(request: Request) -> Response:
        """The metrics of this process, for Prometheus."""
        body, media_type = exposed(registry, request.headers.get("accept"))
        return Response(body, headers={"content-type": media_type})

    return router


def registry_routes(registry: Registry, config: GatewayConfig) -> APIRouter:
    """The Confluent-compatible registry, read-only; its errors have the Confluent shape, not RFC 9457's
    (except for a body over the gateway's limits)."""
    router = APIRouter()

    async def ask(request: Request) -> Response:
        body = b""
        if request.method == "POST":
            body = await read_body(request, config)
        status, document = answer(registry, request.method, request.url.path, body)
        return Response(msgspec.json.encode(document), status, media_type=REGISTRY_MEDIA_TYPE)

    for path in ("/schemas/{rest:path}", "/subjects", "/subjects/{rest:path}", "/config", "/mode"):
        router.add_api_route(path, ask, methods=["GET"], include_in_schema=False)
    router.add_api_route("/subjects/{rest:path}", ask, methods=["POST", "PUT", "DELETE"], include_in_schema=False)
    return router


async def _reason(ready: Ready) -> str | None:
    try:
        async with asyncio.timeout(READY_WITHIN):
            state = await ready()
    except TimeoutError:
        return "not ready: the check takes too long"
    except Exception:
        return "not ready: the check failed"
    if state is True:
        return None
    return state if isinstance(state, str) else "not ready"
