"""What is not genuine, each with its reason: contradictions that the keys do not bear out, and every changed bit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.connectors.didcomm.example import ALICE, APPENDIX, BOB, DOCUMENTS, identity, opener
from tests.connectors.didcomm.parties import MESSAGE, MESSAGE_1, side
from tests.connectors.didcomm.parties import identity as party
from tocsin.connectors.didcomm.algorithms import (
    ES,
    content_key,
    encrypt,
    generate,
    private_key,
    public_jwk,
    public_key,
    wrap,
)
from tocsin.connectors.didcomm.aries1 import make_packed
from tocsin.connectors.didcomm.encoding import from_base64url, to_base64url
from tocsin.connectors.didcomm.encrypted import make_encrypted
from tocsin.connectors.didcomm.keys import Identity
from tocsin.connectors.didcomm.port import (
    MAX_ENVELOPE,
    MAX_RECIPIENTS,
    Fault,
    Packing,
    ResolutionFault,
    Unpackable,
    Unresolvable,
)
from tocsin.connectors.didcomm.signed import make_signed

PLAIN: dict[str, Any] = APPENDIX["plaintext"]
MALLORY = "did:example:mallory"
Made = Callable[[], bytes]


def encoded(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def secret(key_id: str) -> Any:
    return private_key(next(each for each in APPENDIX["secrets"] if each["kid"] == key_id))


def sealed(inside: bytes, sender: str | None = ALICE, kid: str = f"{BOB}#key-x25519-1", key: str = "") -> bytes:
    """An envelope for Bob's key; `sender` is who it says it is from, `key` whose private key was really used."""
    bob = next(each for each in DOCUMENTS[BOB].key_agreement if each.id == f"{BOB}#key-x25519-1")
    to = [(kid, public_key(bob.curve, bob.public))]
    by = None if sender is None else (f"{sender}#key-x25519-1", secret(key or f"{ALICE}#key-x25519-1"))
    return make_encrypted(inside, to, "X25519", by)


def signed(inside: bytes, kid: str = f"{ALICE}#key-1") -> bytes:
    return make_signed(inside, kid, "Ed25519", secret(f"{ALICE}#key-1"))


def changed(content: bytes, **members: Any) -> bytes:
    """An envelope with other members; None takes one away."""
    found = {**json.loads(content), **members}
    return encoded({name: value for name, value in found.items() if value is not None})


def header(content: bytes, **members: Any) -> bytes:
    """An encrypted envelope with another protected header."""
    found = json.loads(content)
    protected = {**json.loads(from_base64url(found["protected"])), **members}
    kept = {name: value for name, value in protected.items() if value is not None}
    return changed(content, protected=to_base64url(encoded(kept)))


def recipient(content: bytes, **members: Any) -> bytes:
    found = json.loads(content)
    found["recipients"][0]["header"] |= members
    return encoded(found)


def signature(content: bytes, **members: Any) -> bytes:
    found = json.loads(content)
    found["signatures"][0] |= members
    return encoded(found)


GOOD = sealed(encoded(PLAIN))
ANONYMOUS = sealed(encoded(PLAIN), None)
SIGNED = signed(encoded(PLAIN))
ONE: Identity = identity(ALICE)
VERKEY = ONE.verkey or ""
VERSION_1 = make_packed(encoded(MESSAGE_1), [VERKEY], (VERKEY, secret(f"{ALICE}#key-1")))
DEEP = {"x": 1}
for _ in range(40):
    DEEP = {"x": DEEP}  # type: ignore[dict-item]

REFUSED: Mapping[str, tuple[Fault, Made]] = {
    "nothing": (Fault.NOT_JSON, lambda: b""),
    "no JSON": (Fault.NOT_JSON, lambda: b"\xff{"),
    "a list": (Fault.NOT_JSON, lambda: b"[]"),
    "another object": (Fault.NOT_AN_ENVELOPE, lambda: b"{}"),
    "a compact JWE": (Fault.NOT_JSON, lambda: b"a.b.c.d.e"),
    "a byte too many": (Fault.TOO_LARGE, lambda: GOOD + b" " * (MAX_ENVELOPE + 1 - len(GOOD))),
    "brackets without end": (Fault.TOO_DEEP, lambda: b"[" * 100_000),
    "too deep outside": (Fault.TOO_DEEP, lambda: changed(GOOD, x=DEEP)),
    "too deep inside": (Fault.TOO_DEEP, lambda: sealed(encoded({**PLAIN, "body": DEEP}))),
    "too deep in the header": (Fault.TOO_DEEP, lambda: header(GOOD, x=DEEP)),
    "plaintext": (Fault.PLAINTEXT, lambda: encoded(PLAIN)),
    "plaintext of version 1": (Fault.PLAINTEXT, lambda: encoded(MESSAGE_1)),
    "one recipient too many": (
        Fault.TOO_MANY_RECIPIENTS,
        lambda: changed(GOOD, recipients=json.loads(GOOD)["recipients"] * (MAX_RECIPIENTS + 1)),
    ),
    "no recipients": (Fault.MALFORMED, lambda: changed(GOOD, recipients=[])),
    "a recipient twice": (Fault.MALFORMED, lambda: changed(GOOD, recipients=json.loads(GOOD)["recipients"] * 2)),
    "a recipient without kid": (Fault.MALFORMED, lambda: changed(GOOD, recipients=[{"header": {}}])),
    "a header that is no object": (Fault.MALFORMED, lambda: changed(GOOD, protected=to_base64url(b"[]"))),
    "a header that is a number": (Fault.MALFORMED, lambda: changed(GOOD, protected=5)),
    "a nonce of another length": (Fault.MALFORMED, lambda: changed(GOOD, iv="AAAA")),
    "a tag of another length": (Fault.MALFORMED, lambda: changed(GOOD, tag="AAAA")),
    "base64 that is not canonical": (Fault.MALFORMED, lambda: changed(GOOD, iv=json.loads(GOOD)["iv"][:-1] + "B")),
    "no ciphertext but its name": (Fault.MALFORMED, lambda: changed(GOOD, ciphertext=False)),
    "an algorithm that is not ours": (Fault.UNSUPPORTED_ALGORITHM, lambda: header(GOOD, alg="ECDH-ES+A128KW")),
    "no algorithm": (Fault.UNSUPPORTED_ALGORITHM, lambda: header(GOOD, alg="none")),
    "a list for algorithm": (Fault.UNSUPPORTED_ALGORITHM, lambda: header(GOOD, alg=["dir"], enc=["A256GCM"])),
    "another encryption": (Fault.UNSUPPORTED_ALGORITHM, lambda: header(GOOD, enc="A128GCM")),
    "compressed": (Fault.UNSUPPORTED_ALGORITHM, lambda: header(GOOD, zip="DEF")),
    "critical": (Fault.UNSUPPORTED_ALGORITHM, lambda: header(GOOD, crit=["exp"])),
    "another typ": (Fault.WRONG_TYP, lambda: header(GOOD, typ="application/didcomm-plain+json")),
    "a typ that is no text": (Fault.WRONG_TYP, lambda: header(GOOD, typ=7)),
    "an algorithm unprotected": (Fault.UNPROTECTED_HEADER, lambda: changed(GOOD, unprotected={"alg": "dir"})),
    "a sender unprotected": (Fault.UNPROTECTED_HEADER, lambda: recipient(GOOD, skid=f"{MALLORY}#key-1")),
    "epk of authcrypt unprotected": (Fault.UNPROTECTED_HEADER, lambda: recipient(GOOD, epk={})),
    "apv of others": (Fault.RECIPIENTS_CHANGED, lambda: recipient(GOOD, kid=f"{BOB}#key-x25519-2")),
    "no key of ours": (Fault.NOT_FOR_US, lambda: sealed(encoded(PLAIN), kid=f"{MALLORY}#key-x25519-1")),
    "skid that is no key": (Fault.MALFORMED, lambda: header(GOOD, skid="alice", apu=None)),
    "apu of another": (Fault.SENDER_MISMATCH, lambda: header(GOOD, apu=to_base64url(f"{MALLORY}#key-1".encode()))),
    "a key that the sender has not": (
        Fault.SENDER_KEY_UNKNOWN, lambda: header(GOOD, skid=f"{ALICE}#key-9", apu=None),
    ),
    "a key that only signs": (Fault.SENDER_KEY_UNKNOWN, lambda: header(GOOD, skid=f"{ALICE}#key-1", apu=None)),
    "a key of another curve": (Fault.UNDECRYPTABLE, lambda: header(GOOD, skid=f"{ALICE}#key-p256-1", apu=None)),
    "epk that is missing": (Fault.MALFORMED, lambda: header(GOOD, epk=None)),
    "epk that is no key": (Fault.MALFORMED, lambda: header(GOOD, epk={"kty": "OKP", "crv": "X25519", "x": "AA"})),
    "the private key of another": (Fault.UNDECRYPTABLE, lambda: sealed(encoded(PLAIN), key=f"{BOB}#key-x25519-2")),
    "its header was changed": (Fault.UNDECRYPTABLE, lambda: header(GOOD, x=1)),
    "from is another": (Fault.SENDER_MISMATCH, lambda: sealed(encoded({**PLAIN, "from": MALLORY}))),
    "from is missing": (Fault.SENDER_MISMATCH, lambda: sealed(encoded({**PLAIN, "from": None}))),
    "from has a fragment": (Fault.SENDER_MISMATCH, lambda: sealed(encoded({**PLAIN, "from": f"{ALICE}#key-1"}))),
    "to is another": (Fault.RECIPIENT_MISMATCH, lambda: sealed(encoded({**PLAIN, "to": [MALLORY]}))),
    "to is nobody": (Fault.RECIPIENT_MISMATCH, lambda: sealed(encoded({**PLAIN, "to": []}), None)),
    "signed for nobody, and sent on to us": (
        Fault.RECIPIENT_MISMATCH,
        lambda: sealed(signed(encoded({name: value for name, value in PLAIN.items() if name != "to"})), None),
    ),
    "to is no list": (Fault.NOT_A_MESSAGE, lambda: sealed(encoded({**PLAIN, "to": BOB}))),
    "inside is no JSON": (Fault.NOT_A_MESSAGE, lambda: sealed(b"hello")),
    "inside is a list": (Fault.NOT_A_MESSAGE, lambda: sealed(b"[]", None)),
    "inside has no type": (Fault.NOT_A_MESSAGE, lambda: sealed(encoded({**PLAIN, "type": None}))),
    "inside is of version 1": (Fault.NOT_A_MESSAGE, lambda: sealed(encoded(MESSAGE_1), None)),
    "inside has another typ": (Fault.WRONG_TYP, lambda: sealed(encoded({**PLAIN, "typ": "application/json"}))),
    "anoncrypt in anoncrypt": (Fault.WRONG_LAYERS, lambda: sealed(ANONYMOUS, None)),
    "authcrypt in authcrypt": (Fault.WRONG_LAYERS, lambda: sealed(GOOD)),
    "anoncrypt in authcrypt": (Fault.WRONG_LAYERS, lambda: sealed(ANONYMOUS)),
    "version 1 in version 2": (Fault.WRONG_LAYERS, lambda: sealed(VERSION_1)),
    "signed in signed": (Fault.SIGNER_MISMATCH, lambda: signed(SIGNED)),
    "encrypted in signed": (Fault.SIGNER_MISMATCH, lambda: signed(GOOD)),
    "authcrypt of what another signed": (
        Fault.SIGNER_MISMATCH, lambda: sealed(signed(encoded(PLAIN), f"{BOB}#key-1")),
    ),
    "signed by another": (Fault.SIGNER_MISMATCH, lambda: signed(encoded({**PLAIN, "from": BOB}))),
    "signed, and from nobody": (Fault.SIGNER_MISMATCH, lambda: signed(encoded({**PLAIN, "from": None}))),
    "a signature of something else": (
        Fault.BAD_SIGNATURE, lambda: changed(SIGNED, payload=to_base64url(encoded({**PLAIN, "id": "8"}))),
    ),
    "a signature with another key": (Fault.UNSUPPORTED_ALGORITHM, lambda: signed(encoded(PLAIN), f"{ALICE}#key-2")),
    "a key that does not sign": (
        Fault.SENDER_KEY_UNKNOWN, lambda: signed(encoded(PLAIN), f"{ALICE}#key-x25519-1"),
    ),
    "two kids": (Fault.SIGNER_MISMATCH, lambda: signature(SIGNED, header={"kid": f"{BOB}#key-1"})),
    "alg of a signature unprotected": (
        Fault.UNPROTECTED_HEADER, lambda: signature(SIGNED, header={"kid": f"{ALICE}#key-1", "alg": "none"}),
    ),
    "alg none": (Fault.UNSUPPORTED_ALGORITHM, lambda: signature(SIGNED, protected=to_base64url(b'{"alg":"none"}'))),
    "an unencoded payload": (
        Fault.UNSUPPORTED_ALGORITHM, lambda: signature(SIGNED, protected=to_base64url(b'{"alg":"EdDSA","b64":false}')),
    ),
    "no signatures": (Fault.MALFORMED, lambda: changed(SIGNED, signatures=[])),
    "nine signatures": (Fault.MALFORMED, lambda: changed(SIGNED, signatures=json.loads(SIGNED)["signatures"] * 9)),
    "a signature that is a text": (Fault.MALFORMED, lambda: changed(SIGNED, signatures=["x"])),
    "version 1 for another": (Fault.NOT_FOR_US, lambda: VERSION_1),
}  # fmt: skip


@pytest.mark.parametrize(("reason", "made"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_not_genuine_is_refused_with_its_reason(reason: Fault, made: Made) -> None:
    content = made()
    with pytest.raises(Unpackable) as refused:
        await opener(BOB).open(content)
    assert refused.value.reason is reason, str(refused.value)
    assert len(refused.value.sha256) == 64


def test_every_reason_is_met() -> None:
    assert set(Fault) == {reason for reason, _ in REFUSED.values()}


async def test_who_cannot_be_looked_up_is_neither_genuine_nor_forged() -> None:
    with pytest.raises(Unresolvable) as refused:
        await opener(BOB).open(sealed(encoded({**PLAIN, "from": MALLORY}), MALLORY))
    assert (refused.value.did, refused.value.reason) == (MALLORY, ResolutionFault.METHOD_UNSUPPORTED)


ACCEPTED: Mapping[str, Made] = {
    "as it is": lambda: GOOD,
    "at the limit of its size": lambda: GOOD + b" " * (MAX_ENVELOPE - len(GOOD)),
    "no to": lambda: sealed(encoded({name: value for name, value in PLAIN.items() if name != "to"})),
    "to with the fragment of a key": lambda: sealed(encoded({**PLAIN, "to": [f"{BOB}#key-x25519-1"]})),
    "signed, then encrypted for nobody to see": lambda: sealed(SIGNED, None),
    "signed, then authcrypt": lambda: sealed(SIGNED),
    "a flattened signature": lambda: changed(SIGNED, signatures=None, **json.loads(SIGNED)["signatures"][0]),
    "members that nobody knows": lambda: changed(GOOD, x={"y": [1]}),
}  # fmt: skip


@pytest.mark.parametrize("made", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_what_is_genuine_is_taken(made: Made) -> None:
    unpacked = await opener(BOB).open(made())
    assert (unpacked.message["id"], unpacked.sender) == (PLAIN["id"], ALICE)


async def test_the_recipient_of_anoncrypt_may_have_an_epk_of_its_own() -> None:
    """As didcomm-messaging, and with it ACA-Py, writes it."""
    bob = next(each for each in DOCUMENTS[BOB].key_agreement if each.id == f"{BOB}#key-x25519-1")
    epk, key = generate("X25519"), content_key("XC20P")
    protected = to_base64url(encoded({"alg": ES, "enc": "XC20P"}))
    content = encrypt(key, encoded(PLAIN), protected.encode())
    wrapped = wrap(key, epk, public_key(bob.curve, bob.public), b"", b"", None, b"")
    envelope = {
        "protected": protected, "iv": to_base64url(content.nonce), "ciphertext": to_base64url(content.ciphertext),
        "tag": to_base64url(content.tag),
        "recipients": [{"header": {"kid": bob.id, "epk": public_jwk(epk)}, "encrypted_key": to_base64url(wrapped)}],
    }  # fmt: skip
    assert (await opener(BOB).open(encoded(envelope))).message == PLAIN


def flipped(content: bytes) -> list[bytes]:
    """Every byte with one of its bits turned, or with each of them (`make fuzz`), one at a time."""
    return [
        content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :]
        for place in range(len(content))
        for bit in (range(8) if "TOCSIN_FUZZ" in os.environ else (place % 7,))
    ]


SMALL = {"id": "1", "type": "t", "from": ALICE, "to": [BOB]}
WHOLE: Mapping[str, tuple[bytes, str]] = {
    "authcrypt": (sealed(encoded(SMALL)), BOB),
    "anoncrypt": (sealed(encoded(SMALL), None), BOB),
    "signed": (signed(encoded(SMALL)), BOB),
    "version 1": (VERSION_1, ALICE),
}


@pytest.mark.parametrize(("content", "did"), WHOLE.values(), ids=WHOLE.keys())
async def test_no_changed_bit_is_taken_for_genuine(content: bytes, did: str) -> None:
    """A signed message names its key twice: its unprotected name may be lost, and says nothing else then."""
    one = opener(did)
    whole = await one.open(content)
    taken = []
    for other in flipped(content):
        try:
            taken.append(await one.open(other))
        except (Unpackable, Unresolvable):
            continue
    if not whole.how.encrypted:
        taken = [each for each in taken if replace(each, sha256=whole.sha256) != whole]
    assert taken == []


async def test_what_was_changed_for_others_says_the_same_to_us(tmp_path: Path) -> None:
    """Of several recipients we can open only our own part; nothing that is opened differs from what was sent."""
    async with side(tmp_path, party()) as alice, side(tmp_path, party()) as bob, side(tmp_path, party()) as carol:
        to = [carol.own[0].did or "", bob.own[0].did or ""]
        for packing in (Packing.AUTHCRYPT, Packing.ANONCRYPT):
            content = (await alice.pack(MESSAGE, to, None, packing)).content
            whole = await bob.unpack(content)
            for place in range(0, len(content), 5):
                other = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
                try:
                    opened = await bob.unpack(other)
                except (Unpackable, Unresolvable):
                    continue
                assert replace(opened, sha256=whole.sha256) == whole
