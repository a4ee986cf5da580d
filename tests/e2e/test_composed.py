"""The composed bus as plain processes: two workers, two gateways, two projectors of one PostgreSQL, a dispatcher, with
the commands and settings of `deploy/compose`. One of each is killed under a load: Prometheus shows it in the panel of
the dashboard, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any

import aiohttp
import pytest

from tests.deploy.asked import panels
from tests.deploy.composed import composed, our_services, without_variables
from tests.harness.bus import Bus, Child
from tests.harness.databases import new_database, postgresql
from tests.harness.prometheus import Prometheus, prometheus
from tests.harness.receiver import SECRET, Receiver

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

SERVICES = our_services(composed("compose.yaml"))
OURS = {"TOCSIN_BOOTSTRAP", "TOCSIN_RULES", "TOCSIN_STORE", "TOCSIN_METRICS_PORT", "TOCSIN_GATEWAY_METRICS_PORT",
        "TOCSIN_LINK_KEY", "TOCSIN_SEAL_KEY", "TOCSIN_ANONYMOUS"}  # fmt: skip
"""Settings that name what is elsewhere here."""
RULES = """endpoints:
  owner: {sink: webhook, url: %s, secret: %s, allow_private: true}
default_route: owner
"""
SEAL_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def database() -> Iterator[str]:
    with postgresql() as server:
        yield new_database(server)


class Composed:
    """The processes, as many of each as its service has."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.of: dict[str, list[Child]] = {}

    async def start(self, name: str) -> Child:
        """One more of a service, not awaited."""
        service = SERVICES[name]
        said = {key: without_variables(str(value)) for key, value in service["environment"].items() if key not in OURS}
        child = await self.bus.start(*service["command"], **said)
        self.of.setdefault(name, []).append(child)
        return child

    async def start_all(self) -> None:
        replicas = {name: one.get("deploy", {}).get("replicas", 1) for name, one in SERVICES.items()} | {"project": 2}
        del replicas["topics"]  # the bus of a test makes them
        children = [await self.start(name) for name, count in replicas.items() for _ in range(count)]
        await asyncio.gather(*(child.ready() for child in children))

    def scraped(self) -> str:
        """The configuration of a Prometheus that watches all of them."""
        targets = [{"targets": [child.url.removeprefix("http://")], "labels": {"process": name, "bus": "composed"}}
                   for name, children in self.of.items() for child in children]  # fmt: skip
        jobs = [{"job_name": "tocsin", "scrape_interval": "1s", "static_configs": targets}]
        return str({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})


class Load:
    """Publishes to the gateways that answer; what was accepted is kept."""

    def __init__(self, composed: Composed, http: aiohttp.ClientSession) -> None:
        self.composed, self.http = composed, http
        self.accepted: dict[str, str] = {}
        """Each event's id, and its tenant."""
        self._number = 0

    async def publish(self, count: int) -> None:
        """So many, each accepted by one of the gateways."""
        for _ in range(count):
            self._number += 1
            document = {"code": "e.p.composed", "text": "one of many", "thread_id": f"thread-{self._number}"}
            tenant = f"tenant-{self._number % 7}"
            self.accepted[await self._accepted(document, tenant)] = tenant

    async def _accepted(self, document: dict[str, str], tenant: str) -> str:
        headers, query = {"idempotency-key": f"n-{self._number}"}, {"tenant": tenant}
        async with asyncio.timeout(90):
            while True:
                for gateway in self.composed.of["gateway"]:
                    try:
                        async with self.http.post(
                            f"{gateway.url}/v1/problems", json=document, headers=headers, params=query
                        ) as answer:
                            if answer.status == 202:
                                return str((await answer.json())["event_id"])
                    except aiohttp.ClientError:
                        continue
                await asyncio.sleep(0.1)


@asynccontextmanager
async def running(bootstrap: str, prefix: str, folder: Path, database: str, owner: Receiver) -> AsyncIterator[Composed]:
    async with Bus(bootstrap, prefix, folder) as bus:
        bus.rules(RULES % (owner.url, SECRET))
        bus.environment |= {"TOCSIN_STORE": database, "TOCSIN_SEAL_KEY": SEAL_KEY, "TOCSIN_LINK_KEY": "k" * 32,
                            "TOCSIN_ANONYMOUS": "loopback"}  # fmt: skip
        composed = Composed(bus)
        await composed.start_all()
        yield composed


def panel(title: str) -> str:
    """What the dashboard of the bus asks in a panel."""
    [found] = [one for name, one in panels() if name == "bus" and one["title"] == title]
    return str(found["targets"][0]["expr"]).replace("$bus", "composed")


async def shows(server: Prometheus, wanted: Any) -> None:
    """Wait until the share of processes that are up is so."""
    began, seen = time(), None
    while time() - began < 90:
        series = await server.query(panel("Processes up"))
        seen = float(series[0]["value"][1]) if series else None
        if seen is not None and wanted(seen):
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"processes up: {seen}")


async def told_of_all(owner: Receiver, accepted: Collection[str]) -> None:
    """The owner has every accepted event."""
    missing = set(accepted)
    for _ in range(1200):
        told = {one.document["data"]["event_id"] for several in owner.delivered().values() for one in several}
        missing = set(accepted) - told
        if not missing:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{len(missing)} of {len(accepted)} were never told")


async def test_one_of_each_is_killed(bootstrap: str, prefix: str, tmp_path: Path, database: str) -> None:
    async with (
        Receiver() as owner,
        running(bootstrap, prefix, tmp_path, database, owner) as composed,
        aiohttp.ClientSession() as http,
        prometheus(tmp_path, composed.scraped()) as server,
    ):
        load = Load(composed, http)
        await load.publish(30)
        await shows(server, lambda share: share == 1)
        killed = [composed.of[name].pop(0) for name in ("worker", "gateway", "dispatch", "project")]
        await asyncio.gather(*(child.kill() for child in killed))
        await load.publish(30)
        await shows(server, lambda share: share < 1)
        again = [await composed.start(child.name) for child in killed]
        await asyncio.gather(*(child.ready() for child in again))
        await load.publish(30)
        await told_of_all(owner, load.accepted)
        await stored(composed, http, load.accepted)


async def stored(composed: Composed, http: aiohttp.ClientSession, accepted: Mapping[str, str]) -> None:
    """Each gateway finds all of it in the one store."""
    for gateway in composed.of["gateway"]:
        for ident, tenant in accepted.items():
            await _found(http, f"{gateway.url}/v1/problems/{ident}", {"tenant": tenant, "form": "json"})


async def _found(http: aiohttp.ClientSession, url: str, query: Mapping[str, str]) -> None:
    for _ in range(900):
        async with http.get(url, params=query) as answer:
            if answer.status == 200 and "decision" in await answer.json():
                return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{url}?tenant={query['tenant']} is not in the store")
