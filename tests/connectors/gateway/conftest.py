"""The gateway under uvicorn on a free port, over a publisher that keeps events in a list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from tests.harness.keys import Keyring
from tocsin.connectors.gateway import Access, GatewayConfig, Limits, Rate, build_gateway, server_config
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import MemoryPublisher
from tocsin.schemas.events import ProblemReported

MANY = Limits(most=100)


@dataclass
class Gateway:
    """One gateway and all that stands round it."""

    publisher: MemoryPublisher
    http: aiohttp.ClientSession
    port: int
    state: dict[str, Any] = field(default_factory=dict)
    keyring: Keyring = field(default_factory=Keyring)

    async def post(self, path: str, data: Any = None, **options: Any) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON and headers of a POST, of `application/json` unless the headers say otherwise."""
        headers = {"content-type": "application/json"} | options.pop("headers", {})
        async with self.http.post(path, data=data, headers=headers, **options) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    @property
    def reported(self) -> list[ProblemReported]:
        """The problems that were stored."""
        return [event for event in self.publisher.events if isinstance(event, ProblemReported)]


async def serve(app: Any, limits: Limits = MANY, port: int = 0) -> tuple[uvicorn.Server, asyncio.Task[None], int]:
    """Run an application on a port of 127.0.0.1, a free one if none is named."""
    server = uvicorn.Server(server_config(app, limits, host="127.0.0.1", port=port, lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event to wait for
        await asyncio.sleep(0.005)
    return server, task, server.servers[0].sockets[0].getsockname()[1]


@asynccontextmanager
async def serving(app: Any, limits: Limits = MANY) -> AsyncIterator[int]:
    """The application runs as long as the block, on this port of 127.0.0.1."""
    server, task, port = await serve(app, limits)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    """Limits are small, so that tests of them are quick: 64 kB bodies, 20 items, 0.5 s."""
    state: dict[str, Any] = {"ready": True}
    publisher = MemoryPublisher()

    async def ready() -> bool | str:
        if isinstance(state["ready"], Exception):
            raise state["ready"]
        return state["ready"]  # type: ignore[no-any-return]

    config = GatewayConfig(
        max_body=64 * 1024,
        max_items=20,
        deadline=0.5,
        tenant_documents=Rate(0, 0),
        hosts=frozenset({"bus.example.org"}),
    )
    keyring = Keyring()
    app = build_gateway(config, publisher, ready, CollectorRegistry(), Ports(access=Access(keys=keyring.keys)))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=True) as http:
        yield Gateway(publisher, http, port, state, keyring)
