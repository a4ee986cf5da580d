"""A gateway with keys of its own, a peer, and a stranger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import serving
from tests.harness.didcomm_world import Agent, agents
from tocsin.connectors.gateway import GatewayConfig, build_gateway
from tocsin.connectors.gateway.didcomm import DidcommConfig
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import MemoryPublisher
from tocsin.schemas.events import ActivityObserved, ProblemReported

V2, V1 = "application/didcomm-encrypted+json", "application/didcomm-envelope-enc"


@dataclass
class World:
    """All that stands round one gateway."""

    ours: Agent
    peer: Agent
    stranger: Agent
    publisher: MemoryPublisher
    http: aiohttp.ClientSession
    metrics: CollectorRegistry
    folder: Path

    async def post(self, content: bytes, media_type: str = V2, **headers: str) -> tuple[int, bytes, Any]:
        """Status, body and headers of the answer."""
        said = {"content-type": media_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.post("/didcomm", data=content, headers=said) as answer:
            return answer.status, await answer.read(), answer.headers

    @property
    def reported(self) -> list[ProblemReported]:
        """The problems that were published as told by a peer."""
        return [each for each in self.problems if each.problem.source.service != "tocsin:didcomm"]

    @property
    def troubles(self) -> list[ProblemReported]:
        """What the gateway itself has recorded."""
        return [each for each in self.problems if each.problem.source.service == "tocsin:didcomm"]

    @property
    def problems(self) -> list[ProblemReported]:
        """All problems."""
        return [each for each in self.publisher.events if isinstance(each, ProblemReported)]

    @property
    def activity(self) -> list[ActivityObserved]:
        """All activity."""
        return [each for each in self.publisher.events if isinstance(each, ActivityObserved)]

    def outcome(self, name: str) -> float:
        """How often the metric has counted an outcome."""
        return self.metrics.get_sample_value("tocsin_didcomm_received_total", {"outcome": name}) or 0.0


Making = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def make_world(tmp_path: Path) -> Making:
    """Makes a world, with a configuration of DIDComm, and one of the gateway."""

    @asynccontextmanager
    async def made(config: DidcommConfig | None = None, **gateway: Any) -> AsyncIterator[World]:
        async def ready() -> bool:
            return True

        publisher, metrics = MemoryPublisher(), CollectorRegistry()
        async with agents(tmp_path, ours=("default", "shop"), peer=("default",), stranger=("default",)) as found:
            didcomm = (msgspec.structs.replace(config or DidcommConfig(), delay=(0, 0)), found["ours"].packer)
            app = build_gateway(GatewayConfig(**gateway), publisher, ready, metrics, Ports(didcomm=didcomm))
            async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
                yield World(**found, publisher=publisher, http=http, metrics=metrics, folder=tmp_path)

    return made


@pytest.fixture
async def world(make_world: Making) -> AsyncIterator[World]:
    """One with the defaults."""
    async with make_world() as made:
        yield made
