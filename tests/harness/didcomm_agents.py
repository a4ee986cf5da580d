"""DIDComm agents on 127.0.0.1: they open what is posted to them under keys of their own, and are as strict about media
types as Credo-TS is. One that is a mediator passes on what a forward holds, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import did_peer_4
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from tocsin.connectors.didcomm.encoding import to_multikey
from tocsin.connectors.didcomm.keys import Identity
from tocsin.connectors.didcomm.making import Method, new_identity
from tocsin.connectors.didcomm.methods import self_contained
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.didcomm.port import Unpackable, Unpacked
from tocsin.connectors.didcomm.stores import KeyFile
from tocsin.schemas.events import DeliveryAttempt

V2, V1, OLD = "application/didcomm-encrypted+json", "application/didcomm-envelope-enc", "application/ssi-agent-wire"
SIGNED = "application/didcomm-signed+json"
REPORT_V2, REPORT_V1 = (
    "https://didcomm.org/report-problem/2.0/problem-report", "https://didcomm.org/report-problem/1.0/problem-report",
)  # fmt: skip

Behaviour = Callable[[web.Request, int], Awaitable[web.StreamResponse | None]]
"""What an agent answers to its how-manieth request (from 0); None: as it always does."""


class Took(Struct, frozen=True):
    """What an agent opened."""

    media_type: str
    request_id: str
    unpacked: Unpacked

    @property
    def message(self) -> dict[str, Any]:
        return self.unpacked.message


def a_report(ident: str = "m-1", thread: str = "t-1", version: int = 2, **more: Any) -> dict[str, Any]:
    """The plain text of a problem report."""
    if version == 1:
        return {
            "@type": REPORT_V1, "@id": ident, "~thread": {"thid": thread}, "description": {"code": "xfer", "en": "né"},
            **more,
        }  # fmt: skip
    body = {"code": "e.p.xfer", "comment": "the mediator does not answer: né"}
    return {"id": ident, "type": REPORT_V2, "thid": thread, "body": body, **more}


def an_attempt(peer: str | None, message: dict[str, Any] | bytes | None = None, **changes: Any) -> DeliveryAttempt:
    """An attempt to tell a peer of a report."""
    body = message if isinstance(message, bytes) else json.dumps(message or a_report()).encode()
    fields: dict[str, Any] = {
        "event_id": "a-1", "tenant": "acme", "occurred_at": 1, "recorded_at": 1, "endpoint": "peers",
        "delivery_id": "d-1", "attempt": 1, "about": "e-1", "content_type": "application/didcomm-plain+json",
        "body": body, "peer": peer,
    }  # fmt: skip
    return DeliveryAttempt(**(fields | changes))


async def keys_file(folder: Path, *identities: Identity) -> Path:
    """A file of keys with these, as `tocsin didcomm keys` writes it."""
    path = folder / f"{secrets.token_hex(4)}.json"
    await KeyFile(path).save(identities)
    return path


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def service(uri: str) -> dict[str, Any]:
    """A service of version 2."""
    return {"id": "#s", "type": "DIDCommMessaging", "serviceEndpoint": {"uri": uri, "accept": ["didcomm/v2"]}}


def with_services(identity: Identity, services: Sequence[dict[str, Any]]) -> Identity:
    """The same keys under a did:peer:4 that has these services; its keys are `#agree-1` and `#sign`."""
    names = {"X25519": "#agree-1", "Ed25519": "#sign"}
    methods = [
        {"id": names[key.curve], "type": "Multikey", "publicKeyMultibase": to_multikey(key.curve, key.public)}
        for key in (one.public for one in identity.keys)
    ]
    source = {
        "verificationMethod": methods, "authentication": ["#sign"], "keyAgreement": ["#agree-1"],
        "service": [{**each, "id": f"#s{number}"} for number, each in enumerate(services)],
    }  # fmt: skip
    document = self_contained(did_peer_4.encode(source))
    assert document is not None
    named = {key.public: key for key in (*document.key_agreement, *document.authentication)}
    keys = tuple(replace(key, public=named[key.public.public]) for key in identity.keys)
    return replace(identity, document=document, keys=keys)


class Agent:
    """An agent; use as an async context manager. `took` is what it opened, `refused` why it did not open the rest."""

    def __init__(
        self,
        folder: Path,
        *,
        method: Method = "peer:2",
        uri: str | None = None,
        routing_keys: Sequence[str] = (),
        takes: Sequence[str] = (V2, V1, SIGNED),
        services: Callable[[str], Sequence[dict[str, Any]]] | None = None,
        identity: Callable[[str], Identity] | None = None,
        port: int | None = None,
    ) -> None:
        """`uri` is what its document says, instead of its own address: the DID of its mediator; `services` makes all
        of them, of that address, and `identity` everything."""
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}/didcomm"
        self.identity = new_identity("agent", method, now=1, uri=uri or self.url, routing_keys=routing_keys)
        if identity is not None:
            self.identity = identity(self.url)
        if services is not None:
            self.identity = with_services(self.identity, services(self.url))
        self.did, self.verkey = self.identity.did, self.identity.verkey or ""
        self.takes = set(takes)
        self.behave: Behaviour | None = None
        self.took: list[Took] = []
        self.refused: list[str] = []
        self.asked = 0
        self._folder, self._opened = folder, AsyncExitStack()

    async def __aenter__(self) -> Self:
        keys = await keys_file(self._folder, self.identity)
        self._packer = await self._opened.enter_async_context(open_packer(PackerConfig(keys=keys)))
        app = web.Application(client_max_size=2**22)
        app.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        self._opened.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opened.aclose()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.behave is not None and (answer := await self.behave(request, self.asked - 1)) is not None:
            return answer
        # the header as it came: a charset or any other parameter is another media type to Credo
        media_type = request.headers.get("content-type", "")
        if media_type not in self.takes:
            self.refused.append(media_type)
            return web.Response(status=415)
        try:
            unpacked = await self._packer.unpack(await request.read())
        except Unpackable as why:
            self.refused.append(str(why))
            return web.Response(status=500)
        return await self.take(Took(media_type, request.headers.get("x-request-id", ""), unpacked))

    async def take(self, took: Took) -> web.StreamResponse:
        """Keep it."""
        self.took.append(took)
        return web.Response(status=202)


class Mediator(Agent):
    """An agent that passes on what a forward names: `routes` says where each `next` is."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self.routes: dict[str, str] = {}

    async def take(self, took: Took) -> web.StreamResponse:
        """Pass it on: the attachment of version 2, `msg` of version 1."""
        self.took.append(took)
        message = took.message
        if took.unpacked.how.version == 2:
            target, inside = message["body"]["next"], message["attachments"][0]["data"]["json"]
        else:
            target, inside = message["to"], message["msg"]
        headers = {"content-type": took.media_type}
        body = json.dumps(inside, separators=(",", ":")).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.routes[target], data=body, headers=headers) as answer,
        ):
            return web.Response(status=answer.status)


async def hang(request: web.Request, before: int) -> web.StreamResponse:
    """Take everything, and answer nothing."""
    await asyncio.sleep(60)
    raise AssertionError


def answering(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Behaviour:
    """Whatever comes: this answer."""

    async def answer(request: web.Request, before: int) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    return answer


def told(folder: Path) -> list[dict[str, Any]]:
    """What the agent of a process took so far, in its order."""
    file = folder / TOOK
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


TOOK, ROUTES = "took.jsonl", "routes.json"


@asynccontextmanager
async def agent_process(folder: Path, **made: Any) -> AsyncIterator[dict[str, str]]:
    """An agent in a process of its own, until the block ends: its `did`, `verkey` and `url`. What it took is in
    `told(folder)`. `made` is as for Agent; with `mediator` it passes on what `ROUTES` in its folder says."""
    os.mkdir(folder)
    command = (sys.executable, "-m", "tests.harness.didcomm_agents", str(folder), json.dumps(made))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert process.stdout is not None
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    finally:
        process.kill()
        await process.wait()


async def _main(folder: Path, mediator: bool = False, **made: Any) -> None:
    agent = Mediator(folder, **made) if mediator else Agent(folder, **made)
    take = agent.take

    async def write_down(took: Took) -> web.StreamResponse:
        if isinstance(agent, Mediator):
            agent.routes = json.loads((folder / ROUTES).read_text())
        answer = await take(took)
        line = {"media_type": took.media_type, "request_id": took.request_id, "message": took.message,
                "sender": took.unpacked.sender, "sha256": took.unpacked.sha256}  # fmt: skip
        with (folder / TOOK).open("a") as file:
            file.write(json.dumps(line) + "\n")
        return answer

    agent.take = write_down  # type: ignore[method-assign]
    async with agent:
        print(json.dumps({"did": agent.did, "verkey": agent.verkey, "url": agent.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), **json.loads(sys.argv[2])))
