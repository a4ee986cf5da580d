"""SICPA's library as an oracle: what it packs we open, and it opens what we pack, in every mode and curve."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.didcomm.example import ALICE, APPENDIX, BOB, opener, writer
from tests.peers.installing import Missing, sicpa
from tocsin.connectors.didcomm.port import Packing

Oracle = Callable[..., dict[str, Any]]
MESSAGE: dict[str, Any] = {
    "id": "1", "typ": "application/didcomm-plain+json", "type": "https://didcomm.org/report-problem/2.0/problem-report",
    "from": ALICE, "to": [BOB], "thid": "1", "pthid": "2", "body": {"code": "e.p.xfer", "comment": "Zürich ☎ 𝄞"},
}  # fmt: skip
KEYS = {"X25519": "key-x25519-1", "P-256": "key-p256-1", "P-521": "key-p521-1"}
"""The curves of which Alice and Bob both have keys."""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    try:
        python = sicpa()
    except Missing as missing:
        pytest.skip(str(missing))
    with subprocess.Popen(
        [python, Path(__file__).with_name("sicpa_oracle.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        given, told = process.stdin, process.stdout
        assert given is not None
        assert told is not None

        def ask(**asked: Any) -> dict[str, Any]:
            known = {"documents": as_documents(), "secrets": APPENDIX["secrets"]}
            given.write(json.dumps(known | asked) + "\n")
            given.flush()
            answer: dict[str, Any] = json.loads(told.readline())
            assert "error" not in answer, answer["error"]
            return answer

        yield ask
        given.close()
        process.wait(30)


def as_documents() -> list[dict[str, Any]]:
    """As its resolver wants them: every key in `verificationMethod`, and named from where it is used."""
    made = []
    for found in APPENDIX["documents"]:
        methods = [*found["authentication"], *found["keyAgreement"]]
        named = {relation: [one["id"] for one in found[relation]] for relation in ("authentication", "keyAgreement")}
        made.append({**found, "verificationMethod": methods, **named, "service": []})
    return made


def content_of(answer: dict[str, Any]) -> bytes:
    return str(answer["content"]).encode()


@pytest.mark.parametrize("curve", KEYS)
@pytest.mark.parametrize("signed", [False, True], ids=["", "signed"])
@pytest.mark.parametrize("protect", [False, True], ids=["", "sender hidden"])
async def test_we_open_its_authcrypt(oracle: Oracle, curve: str, signed: bool, protect: bool) -> None:
    packed = oracle(
        do="pack", message=MESSAGE, to=f"{BOB}#{KEYS[curve]}", protect=protect, **{"from": f"{ALICE}#{KEYS[curve]}"},
        signed_by=f"{ALICE}#key-1" if signed else None,
    )  # fmt: skip
    unpacked = await opener(BOB).open(content_of(packed))
    assert (unpacked.message, unpacked.sender) == (MESSAGE, ALICE)
    assert (unpacked.how.authenticated, unpacked.how.signed) == (True, signed)


@pytest.mark.parametrize("curve", ["X25519", "P-256", "P-384", "P-521"])
@pytest.mark.parametrize("enc", ["XC20P_ECDH_ES_A256KW", "A256CBC_HS512_ECDH_ES_A256KW", "A256GCM_ECDH_ES_A256KW"])
async def test_we_open_its_anoncrypt(oracle: Oracle, curve: str, enc: str) -> None:
    key = {**KEYS, "P-384": "key-p384-1"}[curve]
    packed = oracle(do="pack", message=MESSAGE, to=f"{BOB}#{key}", anon=enc)
    unpacked = await opener(BOB).open(content_of(packed))
    assert (unpacked.message, unpacked.sender) == (MESSAGE, None)


async def test_we_open_what_it_packs_for_all_keys_of_a_did(oracle: Oracle) -> None:
    packed = oracle(do="pack", message=MESSAGE, to=BOB, **{"from": ALICE})
    assert (await opener(BOB).open(content_of(packed))).sender == ALICE


@pytest.mark.parametrize("key", ["key-1", "key-2", "key-3"])
async def test_we_take_its_signature(oracle: Oracle, key: str) -> None:
    packed = oracle(do="sign", message=MESSAGE, **{"from": f"{ALICE}#{key}"})
    unpacked = await opener(BOB).open(content_of(packed))
    assert (unpacked.message, unpacked.sender, unpacked.how.signed) == (MESSAGE, ALICE, True)


@pytest.mark.parametrize("to", [BOB, *(f"{BOB}#{key}" for key in KEYS.values())])
@pytest.mark.parametrize("packing", [Packing.AUTHCRYPT, Packing.ANONCRYPT])
async def test_it_opens_what_we_encrypt(oracle: Oracle, packing: Packing, to: str) -> None:
    envelope = await writer(ALICE).pack(MESSAGE, to, ALICE, packing)
    told = oracle(do="unpack", content=envelope.content.decode())
    assert told["message"] == MESSAGE
    assert told["authenticated"] is (packing is Packing.AUTHCRYPT)


async def test_it_takes_our_signature(oracle: Oracle) -> None:
    envelope = await writer(ALICE).pack(MESSAGE, BOB, ALICE, Packing.SIGNED)
    told = oracle(do="unpack", content=envelope.content.decode())
    assert (told["message"], told["signed"], told["from"]) == (MESSAGE, True, f"{ALICE}#key-1")
