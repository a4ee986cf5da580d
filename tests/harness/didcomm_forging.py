"""Envelopes that only somebody who means harm would make: genuinely encrypted, with claims inside that are not true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.didcomm_world import Agent
from tocsin.connectors.didcomm.algorithms import public_key
from tocsin.connectors.didcomm.encrypted import make_encrypted
from tocsin.connectors.didcomm.keys import sender_key
from tocsin.connectors.didcomm.packing import PLAIN
from tocsin.connectors.didcomm.stores import KeyFile


async def authcrypt_naming(keys: Path, ours: Agent, message: Mapping[str, Any], *, plain: bytes | None = None) -> bytes:
    """Authcrypt with the first identity of a key file, of a message (or any bytes) that `Packer.pack` would refuse."""
    (identity, *_) = await KeyFile(keys).load()
    name, own = sender_key(identity, None, "X25519")
    document = await ours.packer.resolve(ours.did)
    to = [(key.id, public_key(key.curve, key.public)) for key in document.key_agreement]
    said = json.dumps({"typ": PLAIN} | dict(message)).encode() if plain is None else plain
    return make_encrypted(said, to, "X25519", (name, own.private))
