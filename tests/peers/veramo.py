"""Veramo as a peer of DIDComm v2: the agent of `veramo/agent.mjs`, steered by the port that it opens for tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.harness.wiring import free_port
from tests.peers import installing
from tests.peers.processes import Agent, until


class Veramo(Agent):
    """A Veramo inside `async with`: `did` is its did:peer:2, whose service is at `endpoint`."""

    def __init__(self, folder: Path, name: str = "veramo") -> None:
        super().__init__(folder, name)

    async def begin(self) -> None:
        await self.start("node", installing.veramo(), str(free_port()), env=os.environ)
        ready = await self.announced()
        self.endpoint, self.did, self._control = ready["didcomm"], ready["did"], ready["control"]

    async def send(self, to: str, message: dict[str, Any], packing: str) -> dict[str, Any]:
        """Pack as it does by default, and send; the protected header of what was sent."""
        document = {**message, "from": self.did, "to": [to]}
        sent = await self.ask("POST", self._control, {"to": to, "message": document, "packing": packing})
        return dict(sent["header"])

    async def refused(self) -> list[str]:
        """Why it did not take what it did not take."""
        return [one["error"] for one in await self.ask("GET", self._control) if one["what"] == "refused"]

    async def first(self, what: str, **members: object) -> dict[str, Any]:
        """The first `problem` that it heard with these members."""

        async def found() -> dict[str, Any] | None:
            seen = await self.ask("GET", self._control)
            return next((one for one in seen if one["what"] == what and members.items() <= one.items()), None)

        return await until(found, f"{what} {members}")
