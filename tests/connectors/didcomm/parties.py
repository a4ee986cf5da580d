"""Two sides that write to each other by DIDComm, each with keys of its own in a folder."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tocsin.connectors.didcomm.encoding import Curve
from tocsin.connectors.didcomm.keys import Identity
from tocsin.connectors.didcomm.making import Method, new_identity
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.didcomm.port import Packer, Packing
from tocsin.connectors.didcomm.stores import KeyFile

ENDPOINT = "https://bus.example.org/didcomm"
MESSAGE: dict[str, Any] = {
    "id": "7",
    "type": "https://didcomm.org/report-problem/2.0/problem-report",
    "pthid": "1",
    "body": {"code": "e.p.xfer.cant-use-endpoint", "comment": "Zürich antwortet nicht: {1} ☎", "args": ["𝄞"]},
}
MESSAGE_1: dict[str, Any] = {
    "@id": "7",
    "@type": "https://didcomm.org/report-problem/1.0/problem-report",
    "~thread": {"pthid": "1"},
    "description": {"code": "cant-use-endpoint", "en": "Zürich antwortet nicht ☎ 𝄞"},
}


def identity(
    method: Method = "peer:2", *, curves: Sequence[Curve] = ("X25519",), uri: str | None = ENDPOINT
) -> Identity:
    """A new one, named `default`."""
    return new_identity("default", method, now=1, uri=None if method == "key" else uri, curves=curves)


@asynccontextmanager
async def side(folder: Path, *identities: Identity, **config: Any) -> AsyncIterator[Packer]:
    """A packer with these identities."""
    keys = folder / f"{uuid.uuid4()}.json"
    await KeyFile(keys).save(identities)
    async with open_packer(PackerConfig(keys=keys, **config)) as packer:
        yield packer


def is_version_1(packing: Packing) -> bool:
    return packing in (Packing.V1_AUTHCRYPT, Packing.V1_ANONCRYPT)


def names(packer: Packer, packing: Packing) -> str:
    """How a side is named in a packing: by its DID or its verkey."""
    own = packer.own[0]
    name = own.verkey if is_version_1(packing) else own.did
    assert name is not None
    return name
