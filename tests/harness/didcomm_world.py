"""Agents with real keys for tests of DIDComm: ours, a peer, a stranger; each a packer over a key file of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tocsin.connectors.didcomm.making import new_identity
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.didcomm.port import Packer, Packing
from tocsin.connectors.didcomm.stores import KeyFile

REPORT = "https://didcomm.org/report-problem/2.0/problem-report"
NOTIFICATION = "https://didcomm.org/notification/1.0/problem-report"


@dataclass
class Agent:
    """One agent: its packer, and the DID and verkey of its first identity."""

    packer: Packer
    did: str
    verkey: str

    async def send(self, message: Mapping[str, Any], to: str, packing: Packing = Packing.AUTHCRYPT) -> bytes:
        """The envelope of a message."""
        own = self.verkey if packing is Packing.V1_AUTHCRYPT else self.did
        anonymous = packing in (Packing.ANONCRYPT, Packing.V1_ANONCRYPT)
        return (await self.packer.pack(message, to, None if anonymous else own, packing)).content


async def make_keys(file: Path, *names: str, uri: str | None = None) -> None:
    """A key file with these identities, each a did:peer:2."""
    await KeyFile(file).save([new_identity(name, "peer:2", now=1, uri=uri) for name in names])


@asynccontextmanager
async def agents(folder: Path, **named: tuple[str, ...]) -> AsyncIterator[dict[str, Agent]]:
    """Agents by name, each with identities of these names; the same ones again in the same folder."""
    async with AsyncExitStack() as opened:
        found = {}
        for name, identities in named.items():
            if not (folder / f"{name}.json").exists():
                await make_keys(folder / f"{name}.json", *identities)
            packer = await opened.enter_async_context(open_packer(PackerConfig(keys=folder / f"{name}.json")))
            first = packer.own[0]
            assert first.did is not None
            assert first.verkey is not None
            found[name] = Agent(packer, first.did, first.verkey)
        yield found


def report(**changes: Any) -> dict[str, Any]:
    """A problem report of version 2."""
    body = {"code": "e.p.xfer.cant-use-endpoint", "comment": "Unable to use the {1} endpoint.", "args": ["https://x"]}
    return {"type": REPORT, "id": str(uuid4()), "pthid": "thread-1", "body": body} | changes


def old_report(**changes: Any) -> dict[str, Any]:
    """A problem report as Credo sends it, of version 1."""
    said = {"en": "Invalid message", "code": "message-parse-failure"}
    thread = {"pthid": "message-1"}
    return {"@type": NOTIFICATION, "@id": str(uuid4()), "~thread": thread, "description": said} | changes


def changed(envelope: bytes, change: Callable[[dict[str, Any]], Any]) -> bytes:
    """An envelope whose JSON somebody has changed."""
    document = json.loads(envelope)
    change(document)
    return json.dumps(document).encode()


def flipped(text: str) -> str:
    """Base64url with one bit changed."""
    data = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    data[len(data) // 2] ^= 1
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
