"""`tocsin didcomm keys`: DIDs are made, rotated and removed, and no private key is ever shown."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.didcomm.parties import MESSAGE, identity, side
from tocsin.connectors.didcomm.packer import PackerConfig, open_packer

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
ENDPOINT = "https://bus.example.org/didcomm"


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "home" / "didcomm-keys.json"


def listed(tocsin: Tocsin, **variables: str) -> list[dict[str, Any]]:
    identities: list[dict[str, Any]] = json.loads(tocsin("didcomm", "keys", "list", "--json", **variables).stdout)[
        "identities"
    ]
    return identities


def secrets_of(raw: str) -> list[str]:
    return [key["d"] for one in json.loads(raw)["identities"] for key in one["keys"]]


@pytest.mark.parametrize("method", ["peer:2", "peer:4", "key"])
def test_an_identity_is_made_and_its_document_is_that_of_its_did(tocsin: Tocsin, tmp_path: Path, method: str) -> None:
    where = () if method == "key" else ("--endpoint", ENDPOINT)
    made = tocsin("didcomm", "keys", "create", "--method", method, *where)
    assert made.returncode == 0, made.stderr
    (one,) = listed(tocsin)
    assert one["did"] in made.stdout
    assert one["verkey"] in made.stdout
    assert (one["name"], one["current"]) == ("default", True)
    assert set(one["endpoints"]) == ({ENDPOINT} if where else set())
    document = json.loads(tocsin("didcomm", "keys", "export").stdout)
    assert document["id"] == one["did"]
    assert tocsin("didcomm", "keys", "export", "--did").stdout.strip() == one["did"]
    assert stat.S_IMODE(file_of(tmp_path).stat().st_mode) == 0o600


def test_no_private_key_is_shown_by_any_command(tocsin: Tocsin, tmp_path: Path) -> None:
    said = []
    web = ("web", "--method", "web", "--did", "did:web:bus.example.org", "--endpoint", ENDPOINT)
    for arguments in (
        ("create", "--endpoint", ENDPOINT), ("create", *web), ("create", "--endpoint", ENDPOINT), ("rotate",),
        ("rotate", "web", "--json"), ("list",), ("list", "--json"), ("export",), ("export", "web"), ("remove", "web"),
        ("remove", "default", "--json"),
    ):  # fmt: skip
        held = secrets_of(file_of(tmp_path).read_text()) if file_of(tmp_path).exists() else []
        ended = tocsin("didcomm", "keys", *arguments)
        said.append((ended.stdout + ended.stderr, [*held, *secrets_of(file_of(tmp_path).read_text())]))
    for command in (("config",), ("doctor",), ("doctor", "--json")):
        ended = tocsin(*command, BOOTSTRAP="127.0.0.1:1")
        said.append((ended.stdout + ended.stderr, secrets_of(file_of(tmp_path).read_text())))
    assert all(secrets for _, secrets in said)
    assert not [secret for text, secrets in said for secret in secrets if secret in text]
    assert "didcomm" in said[-2][0]  # the check was made


def test_what_was_rotated_still_opens_and_what_was_removed_does_not(tocsin: Tocsin, tmp_path: Path) -> None:
    tocsin("didcomm", "keys", "create", "--endpoint", ENDPOINT)
    (old,) = listed(tocsin)
    rotated = tocsin("didcomm", "keys", "rotate")
    assert "tell peers the new DID" in rotated.stdout
    new, before = listed(tocsin)
    assert (new["did"] != old["did"], before["did"], before["current"]) == (True, old["did"], False)
    assert new["endpoints"] == old["endpoints"]

    async def opened() -> list[str | None]:
        async with (
            side(tmp_path, identity()) as peer,
            open_packer(PackerConfig(keys=file_of(tmp_path))) as bus,
        ):
            envelopes = [await peer.pack(MESSAGE, did) for did in (old["did"], new["did"])]
            assert (await peer.unpack((await bus.pack(MESSAGE, peer.own[0].did or "")).content)).sender == new["did"]
            return [(await bus.unpack(envelope.content)).recipient for envelope in envelopes]

    assert asyncio.run(opened()) == [old["did"], new["did"]]
    removed = tocsin("didcomm", "keys", "remove", old["verkey"])
    assert removed.returncode == 0
    assert [one["did"] for one in listed(tocsin)] == [new["did"]]


def test_a_did_web_keeps_its_did_and_names_its_new_keys_anew(tocsin: Tocsin) -> None:
    make = ("create", "--method", "web", "--did", "did:web:bus.example.org:tocsin", "--endpoint", ENDPOINT)
    assert tocsin("didcomm", "keys", *make).returncode == 0
    before = json.loads(tocsin("didcomm", "keys", "export").stdout)
    tocsin("didcomm", "keys", "rotate")
    after = json.loads(tocsin("didcomm", "keys", "export").stdout)
    assert before["id"] == after["id"] == "did:web:bus.example.org:tocsin"
    assert not set(before["keyAgreement"]) & set(after["keyAgreement"])


def test_an_askar_store_holds_them_encrypted(tocsin: Tocsin, tmp_path: Path) -> None:
    store = {"DIDCOMM_KEYS": str(tmp_path / "keys.sqlite"), "DIDCOMM_PASSPHRASE": "c4n4ry-passphrase"}
    made = tocsin("didcomm", "keys", "create", "--endpoint", ENDPOINT, **store)
    assert made.returncode == 0, made.stderr
    tocsin("didcomm", "keys", "rotate", **store)
    assert [one["current"] for one in listed(tocsin, **store)] == [True, False]
    assert b'"kty"' not in (tmp_path / "keys.sqlite").read_bytes()
    wrong = tocsin("didcomm", "keys", "list", **(store | {"DIDCOMM_PASSPHRASE": "another"}))
    assert (wrong.returncode, "does not open with this passphrase" in wrong.stderr) == (78, True)
    for command in ("config", "doctor"):
        ended = tocsin(command, BOOTSTRAP="127.0.0.1:1", **store)
        assert "c4n4ry" not in ended.stdout + ended.stderr

    async def sent() -> str | None:
        config = PackerConfig(keys=tmp_path / "keys.sqlite", passphrase="c4n4ry-passphrase")
        async with side(tmp_path, identity()) as peer, open_packer(config) as bus:
            assert "c4n4ry" not in repr((config, bus))
            return (await peer.unpack((await bus.pack(MESSAGE, peer.own[0].did or "")).content)).sender

    assert asyncio.run(sent()) == listed(tocsin, **store)[0]["did"]


REFUSED = {
    "no endpoint": (("create",), 2, "where do peers reach us?"),
    "an endpoint that is no URL": (("create", "--endpoint", "bus"), 2, "http or https URL, or a DID"),
    "an endpoint and none": (("create", "--endpoint", ENDPOINT, "--no-endpoint"), 2, "either --endpoint"),
    "a did:key with an endpoint": (("create", "--method", "key", "--endpoint", ENDPOINT), 2, "has no endpoint"),
    "an unknown curve": (("create", "--no-endpoint", "--curve", "Ed448"), 2, "--curve is one of X25519"),
    "did:web without its DID": (("create", "--method", "web", "--no-endpoint"), 2, "under which its document"),
    "did:web that names no host": (
        ("create", "--method", "web", "--no-endpoint", "--did", "did:web:a%2Fb"), 2, "it names no host",
    ),
    "a DID as the name": (("create", "did:x:y", "--no-endpoint"), 2, "is no DID"),
    "no keys to list": (("list",), 78, "make one with `tocsin didcomm keys create`"),
    "no keys to rotate": (("rotate",), 78, "make one with"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_says_what_helps(tocsin: Tocsin, arguments: tuple[str, ...], code: int, says: str) -> None:
    ended = tocsin("didcomm", "keys", *arguments)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in ended.stderr


def test_one_in_use_is_neither_made_twice_nor_removed_by_the_way(tocsin: Tocsin) -> None:
    tocsin("didcomm", "keys", "create", "--no-endpoint")
    again = tocsin("didcomm", "keys", "create", "--no-endpoint")
    assert (again.returncode, "keys rotate default" in again.stderr) == (2, True)
    removed = tocsin("didcomm", "keys", "remove", "default")
    assert (removed.returncode, "--in-use" in removed.stderr) == (2, True)
    assert len(listed(tocsin)) == 1
    assert tocsin("didcomm", "keys", "remove", "default", "--in-use").returncode == 0
    assert listed(tocsin) == []
    doctor = tocsin("doctor", BOOTSTRAP="127.0.0.1:1")
    assert "make one: tocsin didcomm keys create" in doctor.stdout


def test_the_address_of_the_bus_is_the_endpoint_where_none_is_said(tocsin: Tocsin) -> None:
    made = tocsin("didcomm", "keys", "create", PUBLIC_URL="https://bus.example.org/")
    assert made.returncode == 0, made.stderr
    assert listed(tocsin)[0]["endpoints"] == [ENDPOINT]


def test_doctor_warns_of_an_address_that_nobody_else_reaches(tocsin: Tocsin) -> None:
    tocsin("didcomm", "keys", "create", "--endpoint", "http://127.0.0.1:8700/didcomm")
    doctor = tocsin("doctor", BOOTSTRAP="127.0.0.1:1")
    assert "default is reached at 127.0.0.1:8700; peers elsewhere cannot" in doctor.stdout
