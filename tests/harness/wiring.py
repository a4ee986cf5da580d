"""Two buses on one Kafka, wired into each other: by webhook straight into the other's gateway, or by a relay."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

from tests.harness.bus import Bus, Child
from tests.harness.judging import read_topic
from tests.harness.receiver import SECRET
from tocsin.schemas.codec import decode
from tocsin.schemas.events import Event
from tocsin.schemas.ids import new_event_id

KINDS = ("webhook", "didcomm", "mutated")
"""How they are wired; each is a tenant on both buses."""

REPORT = "https://didcomm.org/report-problem/2.0/problem-report"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Relay:
    """Turns each notification of one bus into a DIDComm v2 problem report for the other, in the same thread."""

    def __init__(self, gateways: dict[str, str]) -> None:
        self.gateways = gateways
        self.passed: Counter[str] = Counter()
        self.url = ""

    async def __aenter__(self) -> Relay:
        app = web.Application()
        app.router.add_post("/{kind}/{bus}", self._pass_on)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        kind, bus = request.match_info["kind"], request.match_info["bus"]
        told = (await request.json())["data"]["problem"]
        self.passed[kind] += 1
        code = f"e.p.xfer.x{self.passed[kind]}" if kind == "mutated" else told["code"]
        message: dict[str, Any] = {
            "type": REPORT,
            "id": new_event_id(),
            "thid": told["thread_id"],
            "pthid": told["thread_id"],
            "body": {"code": code, "comment": "It went wrong here, too."},
        }
        headers = {"Idempotency-Key": request.headers["webhook-id"]}
        async with self._session.post(f"{self.gateways[bus]}?tenant={kind}", json=message, headers=headers) as answer:
            return web.Response(status=answer.status)


def rules_of(other: str, gateways: dict[str, str], relay: str, owner: str) -> str:
    """The rules of a bus whose other one is `other`: each kind of wire goes there, the rest to the owner."""
    urls = {"webhook": f"{gateways[other]}?tenant=webhook"} | {
        kind: f"{relay}/{kind}/{other}" for kind in KINDS if kind != "webhook"
    }
    lines = ["limits: {repeat_window: 0s, thread_errors: 4}", "default_route: owner", "endpoints:"]
    for name, url in {**urls, "owner": owner}.items():
        lines += [
            f"  {name}:",
            "    sink: webhook",
            f"    url: {url}",
            f"    secret: {SECRET}",
            "    allow_private: true",
        ]
    lines += ["routes:"]
    for kind in KINDS:
        lines += [f"  - name: {kind}", f"    match: {{tenant: {kind}}}", f"    endpoints: {kind}"]
    return "\n".join([*lines, "  - name: rest", "    endpoints: owner", ""])


async def start(bus: Bus, port: int) -> Child:
    """All processes of a bus; returns its worker when they are ready."""
    gateway = await bus.start("gateway", TOCSIN_PORT=str(port))
    worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
    await asyncio.gather(gateway.ready(), worker.ready(), dispatch.ready())
    return worker


async def events_on(bootstrap: str, prefix: str, topic: str = "problems") -> list[Event]:
    """Every event on a topic of one bus, each once: after a kill some are written again."""
    partitions = await read_topic(bootstrap, prefix + topic)
    events = [decode(record.value) for records in partitions.values() for record in records if record.value is not None]
    return list({event.event_id: event for event in events}.values())


def folder_of(path: Path, name: str) -> Path:
    folder = path / name
    folder.mkdir()
    return folder
