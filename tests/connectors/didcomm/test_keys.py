"""Our keys: read from a file that only we may read, followed while it changes, and shown by nothing."""

from __future__ import annotations

import json
import os
import traceback
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.didcomm.parties import MESSAGE, identity
from tocsin.connectors.didcomm.agent import LOOK_EVERY, Agent
from tocsin.connectors.didcomm.faults import KeysUnusable, NoKey
from tocsin.connectors.didcomm.keys import KeyRing
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer
from tocsin.connectors.didcomm.port import Packing
from tocsin.connectors.didcomm.stores import KeyFile, write_identities


async def test_keys_that_change_on_disk_are_used_without_a_restart(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys.json", 100.0
    old, new = identity(), identity()
    await KeyFile(file).save([old])
    async with Agent(PackerConfig(keys=file), now=lambda: clock) as bus:
        await KeyFile(file).save([new])
        await bus.resolve(old.did)
        assert [one.did for one in bus.own] == [old.did]  # looked at a moment ago
        clock += LOOK_EVERY
        await bus.resolve(old.did)
        assert [one.did for one in bus.own] == [new.did]
        file.write_text("{")
        clock += LOOK_EVERY
        await bus.resolve(old.did)
        assert [one.did for one in bus.own] == [new.did]  # an unusable file changes nothing


def write(file: Path, content: bytes, mode: int = 0o600) -> None:
    file.write_bytes(content)
    file.chmod(mode)


def changed(**members: Any) -> bytes:
    found = json.loads(write_identities([identity()]))
    found["identities"][0] |= members
    return json.dumps(found).encode()


def with_another_private_key() -> bytes:
    found, other = (json.loads(write_identities([identity()])) for _ in range(2))
    found["identities"][0]["keys"][0]["d"] = other["identities"][0]["keys"][0]["d"]
    return json.dumps(found).encode()


def with_keys_of_another_did() -> bytes:
    other = json.loads(write_identities([identity()]))
    return changed(keys=other["identities"][0]["keys"])


UNUSABLE = {
    "readable by others": (lambda: changed(), 0o644, "chmod 600"),
    "readable by the group": (lambda: changed(), 0o640, "chmod 600"),
    "writable by others": (lambda: changed(), 0o602, "chmod 600"),
    "no JSON": (lambda: b"{", 0o600, "is no JSON as"),
    "empty": (lambda: b"", 0o600, "is no JSON as"),
    "a list": (lambda: b"[]", 0o600, "is no JSON as"),
    "a newer version": (lambda: b'{"version": 2, "identities": []}', 0o600, "another version than 1"),
    "a DID without a document": (lambda: changed(did="did:example:x"), 0o600, "the DID of default has no document"),
    "the private key of another": (with_another_private_key, 0o600, "a key of default: "),
    "keys of another DID": (with_keys_of_another_did, 0o600, "it is not in the document"),
    "a key without its private part": (lambda: changed(keys=[{}]), 0o600, "is no JSON as"),
}


@pytest.mark.parametrize(("content", "mode", "says"), UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_file_that_cannot_be_used(tmp_path: Path, content: Any, mode: int, says: str) -> None:
    raw = content()
    write(tmp_path / "keys.json", raw, mode)
    with pytest.raises(KeysUnusable, match=says) as refused:
        async with open_packer(PackerConfig(keys=tmp_path / "keys.json")):
            pytest.fail("it was used")
    told = "".join(traceback.format_exception(refused.value))
    held = [key["d"] for one in _identities(raw) for key in one["keys"] if "d" in key]
    assert not [secret for secret in held if secret in told]


def _identities(raw: bytes) -> list[Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return []
    return list(found["identities"]) if isinstance(found, dict) else []


async def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys.json", 0o600)
    with pytest.raises(KeysUnusable, match="cannot be read"):
        async with open_packer(PackerConfig(keys=tmp_path / "keys.json")):
            pytest.fail("it was used")


def all_that_can_be_shown(*things: Any) -> list[str]:
    return [shown for one in things for shown in (repr(one), str(one), repr(getattr(one, "__dict__", "")))]


async def failures(bus: Agent, did: str) -> list[str]:
    """Tracebacks with the values of all variables, as some loggers write them."""
    found: list[str] = []
    for packing in (Packing.AUTHCRYPT, Packing.SIGNED):
        try:
            await bus.pack({**MESSAGE, "from": "did:example:nobody"}, "did:key:z6Mk", did, packing)
        except Exception as error:
            found += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert found
    return found


async def test_no_text_of_anything_that_holds_a_key_shows_it(tmp_path: Path) -> None:
    one = identity(curves=("X25519", "P-256", "P-384", "P-521"))
    file = tmp_path / "keys.json"
    await KeyFile(file).save([one])
    shown = all_that_can_be_shown(one, one.keys, KeyRing([one]), PackerConfig(keys=file, passphrase="c4n4ry"))
    async with Agent(PackerConfig(keys=file)) as bus:
        shown += all_that_can_be_shown(bus, bus.own) + await failures(bus, one.did)
    secrets = [key["d"] for key in json.loads(write_identities([one]))["identities"][0]["keys"]] + ["c4n4ry"]
    assert len(secrets) == 6
    assert not [text for text in shown for secret in secrets if secret in text]


@pytest.mark.parametrize("who", [None, "default", "did", "did#key-1", "verkey", "short"])
async def test_an_identity_is_named_in_many_ways(who: str | None) -> None:
    one, other = identity("peer:4"), identity("peer:4")
    named = {
        "did": other.did,
        "did#key-1": f"{other.did}#sign",
        "verkey": other.verkey,
        "short": other.did.rpartition(":")[0],
    }.get(who or "", who)
    ring = KeyRing([one, other])
    assert ring.identity(named) is (one if who in (None, "default") else other)


async def test_one_that_is_not_ours_is_none_of_ours() -> None:
    with pytest.raises(NoKey, match="keys list") as refused:
        KeyRing([identity()]).identity("did:example:mallory")
    assert refused.value.own
    with pytest.raises(NoKey, match="keys create"):
        KeyRing([]).identity(None)
