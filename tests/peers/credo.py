"""Credo-TS as a peer: the stock agent of `credo/agent.cjs`, steered by the port that it opens for tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.harness.wiring import free_port
from tests.peers import installing
from tests.peers.processes import Agent, until

AGENT = Path(__file__).parent / "credo" / "agent.cjs"


class Credo(Agent):
    """A Credo inside `async with`: `endpoint` is its DIDComm address. With `hears` it has the handler that an operator
    adds to be told of generic problem reports. `tells` is the gateway that is told what it does."""

    def __init__(self, folder: Path, name: str = "credo", hears: bool = False, tells: str = "") -> None:
        super().__init__(folder, name)
        self._hears, self._tells = hears, tells

    async def begin(self) -> None:
        environment = {**os.environ, **installing.credo()}
        if self._hears:
            environment["CREDO_HEARS"] = "yes"
        environment["CREDO_TELLS"] = self._tells
        await self.start("node", AGENT, str(free_port()), env=environment)
        ready = await self.announced()
        self.endpoint, self._control = ready["didcomm"], ready["control"]

    async def do(self, deed: str, **details: object) -> dict[str, Any]:
        """One of the deeds of `agent.cjs`."""
        return dict(await self.ask("POST", f"{self._control}/{deed}", details))

    async def seen(self, what: str | None = None, **members: object) -> list[dict[str, Any]]:
        """All that came and went and changed so far, of one kind."""
        found = await self.ask("GET", self._control)
        return [one for one in found if what in (None, one["what"]) and members.items() <= one.items()]

    async def first(self, what: str, **members: object) -> dict[str, Any]:
        """The first thing of this kind with these members."""

        async def found() -> dict[str, Any] | None:
            return next(iter(await self.seen(what, **members)), None)

        return await until(found, f"{what} {members}")

    async def messages(self, way: str, message_type: str) -> list[dict[str, Any]]:
        """The messages `received` or `sent`, of types that end so."""
        found = (one["message"] for one in await self.seen(way))
        return [message for message in found if message["@type"].endswith(message_type)]
