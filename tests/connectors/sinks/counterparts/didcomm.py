"""The other side of the sink `didcomm`: an agent that opens what is posted to it, under keys of its own."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import msgspec
from aiohttp import web

from tests.connectors.sinks.counterparts.served import Served
from tests.harness.didcomm_agents import V2, keys_file
from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.outcomes import SinkOutcome
from tocsin.connectors.sinks import Reason, Sink
from tocsin.connectors.sinks.didcomm import DidcommConfig, DidcommSink
from tocsin.schemas.events import DeliveryAttempt


class Told(DidcommSink):
    """The sink as the rules use it: what is told is written as a message, and for a peer."""

    peer = ""

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        body = message_of(attempt) or attempt.body
        return await super().deliver(msgspec.structs.replace(attempt, peer=self.peer, body=body))


class Agent(Served):
    """An agent."""

    kind = "didcomm"
    path = "/didcomm"
    largest = 2**22
    failures: Mapping[str, Reason] = {**Served.failures, "is gone": Reason.CLIENT_ERROR}
    never: Mapping[str, str] = {"delivery id": "a peer knows a message by its own id, whichever endpoint tells it"}

    async def __aenter__(self) -> Self:
        self._opened = AsyncExitStack()
        folder = Path(self._opened.enter_context(TemporaryDirectory()))
        self._ours = new_identity("default", "peer:2", now=1)
        self._our_keys = await keys_file(folder, self._ours)
        await super().__aenter__()
        theirs = await keys_file(folder, self._identity)
        self._packer = await self._opened.enter_async_context(open_packer(PackerConfig(keys=theirs)))
        return self

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        await self._opened.aclose()

    def reach(self, port: int) -> None:
        self._identity = new_identity("agent", "peer:2", now=1, uri=f"http://127.0.0.1:{port}{self.path}")
        self.settings = {
            "keys": str(self._our_keys), "passphrase": None, "allow_private": True, "timeout": 2.0,
        }  # fmt: skip
        found = json.loads(self._our_keys.read_bytes())
        self.secrets = tuple(key["d"] for one in found["identities"] for key in one["keys"])

    def sink(self) -> Sink:
        sink = Told(msgspec.convert(dict(self.settings), DidcommConfig))
        sink.peer = self._identity.did
        return sink

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return message_of(attempt)

    async def take(self, request: web.Request, body: bytes) -> web.Response:
        if request.headers["content-type"] != V2:
            return web.Response(status=415)
        unpacked = await self._packer.unpack(body)
        assert unpacked.sender == self._ours.did
        message = {name: value for name, value in unpacked.message.items() if name not in ("from", "to", "typ")}
        self._taken.append(json.dumps(message, sort_keys=True).encode())
        return web.Response(status=202)


def message_of(attempt: DeliveryAttempt) -> bytes | None:
    """A usual attempt of the conformance as the message that the rules would write of it; None for an odd one."""
    try:
        data: dict[str, Any] = json.loads(attempt.body)["data"]
        problem, ident = data["problem"], data["event_id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    body = {"code": problem["code"], "comment": problem["text"]}
    kind = "https://didcomm.org/report-problem/2.0/problem-report"
    return json.dumps({"body": body, "id": ident, "thid": data["case"], "type": kind}, sort_keys=True).encode()
