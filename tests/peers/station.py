"""A bus with DIDComm keys, whose peers are real agents: joined first, then started, then told and heard."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.bus import Bus
from tests.harness.receiver import SECRET, Receiver
from tests.harness.wiring import events_on, free_port
from tests.peers.processes import until
from tocsin.schemas.events import Event


class Station:
    """A bus inside `async with`: `endpoint` is where peers reach it, `verkey` and `did` who it is; `start` starts it
    when the peers are known. `owner` gets every notification."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bus, self.owner = Bus(bootstrap, prefix, folder), Receiver()
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}/didcomm"
        self._connections: list[dict[str, str]] = []
        self._endpoints = ""

    async def __aenter__(self) -> Station:
        await self.owner.__aenter__()
        try:
            await self.bus.__aenter__()
            code, said = await self.bus.run("didcomm", "keys", "create", "--endpoint", self.endpoint, "--json")
            assert code == 0, said
            made = json.loads(said)
            self.did, self.verkey = made["did"], made["verkey"]
        except BaseException:
            await self.owner.__aexit__()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        if hasattr(self, "http"):
            await self.http.close()
        await self.bus.__aexit__()
        await self.owner.__aexit__()

    def joined(self, name: str, peer: str, **settings: str) -> None:
        """There is a connection of this name to a peer, and an endpoint of the same name that tells it."""
        self._connections.append({"peer": peer, "connection": name, "trust": "high"})
        more = "".join(f", {key}: {json.dumps(value)}" for key, value in settings.items())
        self._endpoints += f"  {name}: {{sink: didcomm, peer: {json.dumps(peer)}, allow_private: true{more}}}\n"

    async def start(self, *limits: str) -> None:
        """Start all of its processes: every problem goes to the owner, and to the peer of its connection."""
        file = self.bus.folder / "connections.json"
        file.write_text(json.dumps(self._connections))
        self.bus.environment |= {
            "TOCSIN_PORT": str(self.port),
            "TOCSIN_DIDCOMM_CONNECTIONS": str(file),
            "TOCSIN_DIDCOMM_ACTIVITY": "true",
        }
        names = [one["connection"] for one in self._connections]
        routes = "".join(
            f"  - {{name: {name}, match: {{connection: [{name}]}}, endpoints: [owner, {name}]}}\n" for name in names
        )
        self.bus.rules(
            f"endpoints:\n  owner: {{sink: webhook, url: {self.owner.url}, secret: {SECRET}, allow_private: true}}\n"
            f"{self._endpoints}default_route: owner\nroutes:\n{routes}limits:\n  repeat_window: 0s\n"
            + "".join(f"  {limit}\n" for limit in limits)
        )
        self.children = [await self.bus.start(name) for name in ("gateway", "worker", "dispatch")]
        await asyncio.gather(*(child.ready() for child in self.children))
        self.http = aiohttp.ClientSession(self.children[0].url)

    async def report(self, code: str, english: str, thread: str, connection: str) -> None:
        """A service of ours reports what became of an exchange with a peer."""
        document = {
            "code": code,
            "localized": {"en": english},
            "thread_id": thread,
            "source": {"connection": connection, "trust": "high"},
        }
        headers = {"content-type": "application/vnd.tocsin.problem+json"}
        async with self.http.post("/v1/problems", data=json.dumps(document), headers=headers) as answer:
            assert answer.status == 202, await answer.text()

    async def events(self, topic: str) -> list[Event]:
        """All that is on a topic."""
        return await events_on(self.bus.bootstrap, self.bus.prefix, topic)

    async def told(self, **members: object) -> dict[str, Any]:
        """The `data` of the first notification of the owner whose problem has these members."""

        async def found() -> dict[str, Any] | None:
            return next(iter(self.all_told(**members)), None)

        return await until(found, f"a notification of {members}, only {self.all_told()}")

    def all_told(self, **members: object) -> list[dict[str, Any]]:
        """All that the owner was told of problems with these members."""
        told = [arrivals[0].document["data"] for arrivals in self.owner.delivered().values()]
        return [data for data in told if members.items() <= data.get("problem", {}).items()]
