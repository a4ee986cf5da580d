"""What others have made: the appendix of the specification, the vectors of did:peer, an authcrypt of Veramo."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tests.connectors.didcomm.example import ALICE, APPENDIX, BOB, DOCUMENTS, opener
from tocsin.connectors.didcomm.document import public_bytes
from tocsin.connectors.didcomm.encoding import from_base64url, from_multikey, to_base64url
from tocsin.connectors.didcomm.methods import self_contained
from tocsin.connectors.didcomm.port import Fault, Unpackable

MESSAGES: dict[str, Any] = APPENDIX["messages"]
SECRETS = {secret["kid"]: secret for secret in APPENDIX["secrets"]}


@pytest.mark.parametrize("name", MESSAGES)
async def test_a_message_of_the_appendix(name: str) -> None:
    unpacked = await opener(BOB).open(json.dumps(MESSAGES[name]).encode())
    assert unpacked.message == APPENDIX["plaintext"]
    proven = "authcrypt" in name or "signed" in name
    assert (unpacked.sender, unpacked.recipient) == (ALICE if proven else None, BOB if "crypt" in name else None)
    how = unpacked.how
    assert (how.encrypted, how.authenticated, how.signed) == ("crypt" in name, proven, "signed" in name)


@pytest.mark.parametrize("name", APPENDIX["refused"])
async def test_a_message_that_attacks_the_curve(name: str) -> None:
    with pytest.raises(Unpackable) as refused:
        await opener(BOB).open(json.dumps(APPENDIX["refused"][name]).encode())
    assert refused.value.reason is Fault.MALFORMED


async def test_each_layer_is_told() -> None:
    nested = MESSAGES["signed, then authcrypt, then anoncrypt, P-521"]
    unpacked = await opener(BOB).open(json.dumps(nested).encode())
    assert unpacked.how.algorithms == ("ECDH-ES+A256KW", "XC20P", "ECDH-1PU+A256KW", "A256CBC-HS512", "EdDSA")
    assert (unpacked.sender_key, unpacked.recipient_key) == (f"{ALICE}#key-p521-1", f"{BOB}#key-p521-1")


def as_veramo(message: dict[str, Any], enc: str = "A256GCM") -> bytes:
    """An authcrypt of Veramo 6 and 7, made with nothing of ours: ECDH-1PU of draft 3, which binds no tag, `skid` and
    neither `apu` nor `apv`, AES-GCM."""

    def key(key_id: str) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(from_base64url(SECRETS[key_id]["d"]))

    def public(key_id: str) -> X25519PublicKey:
        return X25519PublicKey.from_public_bytes(from_base64url(SECRETS[key_id]["x"]))

    skid, kid = f"{ALICE}#key-x25519-1", f"{BOB}#key-x25519-2"
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(public(kid)) + key(skid).exchange(public(kid))
    alg = b"ECDH-1PU+A256KW"
    info = len(alg).to_bytes(4) + alg + bytes(4) + bytes(4) + (256).to_bytes(4)
    wrapping = ConcatKDFHash(SHA256(), 32, info).derive(shared)
    content_key, nonce = os.urandom(32), os.urandom(12)
    epk = {"kty": "OKP", "crv": "X25519", "x": to_base64url(ephemeral.public_key().public_bytes_raw())}
    header = {"typ": "application/didcomm-encrypted+json", "skid": skid, "alg": alg.decode(), "epk": epk, "enc": enc}
    protected = to_base64url(json.dumps(header).encode())
    sealed = AESGCM(content_key).encrypt(nonce, json.dumps(message).encode(), protected.encode())
    recipient = {"encrypted_key": to_base64url(aes_key_wrap(wrapping, content_key)), "header": {"kid": kid}}
    envelope = {
        "protected": protected, "iv": to_base64url(nonce), "ciphertext": to_base64url(sealed[:-16]),
        "tag": to_base64url(sealed[-16:]), "recipients": [recipient],
    }  # fmt: skip
    return json.dumps(envelope).encode()


async def test_an_authcrypt_as_veramo_makes_it() -> None:
    unpacked = await opener(BOB).open(as_veramo(APPENDIX["plaintext"]))
    assert (unpacked.message, unpacked.sender) == (APPENDIX["plaintext"], ALICE)
    assert unpacked.how.algorithms == ("ECDH-1PU+A256KW", "A256GCM")


async def test_it_is_held_to_its_sender_as_any_other() -> None:
    with pytest.raises(Unpackable) as refused:
        await opener(BOB).open(as_veramo({**APPENDIX["plaintext"], "from": "did:example:mallory"}))
    assert refused.value.reason is Fault.SENDER_MISMATCH


PEER_2 = (
    "did:peer:2.Ez6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc.Vz6MkqRYqQiSgvZQdnBytw86Qbs2ZWUkGv22od935YF4s8M7V"
    ".Vz6MkgoLTnTypo3tDRCvkRPSXTPHZXrjSp8UEnJLWSPTpBDqj"
    ".SeyJ0IjoiZG0iLCJzIjp7InVyaSI6Imh0dHA6Ly9leGFtcGxlLmNvbS9kaWRjb21tIiwiYSI6WyJkaWRjb21tL3YyIl0sInIiOlsiZGlkOmV4YW1w"
    "bGU6MTIzNDU2Nzg5YWJjZGVmZ2hpI2tleS0xIl19fQ"
)
"""Of the did:peer specification (its keys; the service is spelt as its table of abbreviations says)."""


def test_a_did_peer_2_of_the_specification() -> None:
    document = self_contained(PEER_2)
    assert document is not None
    assert [key.id.removeprefix(PEER_2) for key in document.key_agreement] == ["#key-1"]
    assert [key.id.removeprefix(PEER_2) for key in document.authentication] == ["#key-2", "#key-3"]
    (agreement,) = document.key_agreement
    assert (agreement.curve, agreement.public) == from_multikey("z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc")
    assert agreement.also == (
        "z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
        "6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
    )
    (service,) = document.services
    assert (service.uri, service.routing_keys) == (
        "http://example.com/didcomm",
        ("did:example:123456789abcdefghi#key-1",),
    )


def test_did_key_of_the_specification() -> None:
    """The X25519 key that its Ed25519 key becomes: https://w3c-ccg.github.io/did-method-key/, example 1."""
    document = self_contained("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")
    assert document is not None
    assert document.key_agreement[0].id.endswith("#z6LSj72tK8brWgZja8NLRwPigth2T9QRiG1uH9oKZuKjdh9p")


async def test_the_other_twin_of_an_ecdsa_signature_is_one_too() -> None:
    """Of secp256k1 the library takes the lower one only; SICPA's, say, makes either."""
    found = json.loads(json.dumps(MESSAGES["signed by secp256k1"]))
    value = from_base64url(found["signatures"][0]["signature"])
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    twin = value[:32] + (order - int.from_bytes(value[32:])).to_bytes(32)
    found["signatures"][0]["signature"] = to_base64url(twin)
    assert (await opener(BOB).open(json.dumps(found).encode())).sender == ALICE


def test_coordinates_may_lack_their_leading_zeros() -> None:
    """As Authlib writes them."""
    x, y = 5, 7
    whole = {"kty": "EC", "crv": "P-521", "x": to_base64url(x.to_bytes(66)), "y": to_base64url(y.to_bytes(66))}
    assert public_bytes({**whole, "x": to_base64url(x.to_bytes(1)), "y": to_base64url(y.to_bytes(2))}) == public_bytes(
        whole
    )
    with pytest.raises(ValueError, match="length"):
        public_bytes({**whole, "x": to_base64url(x.to_bytes(67))})


def test_the_appendix_is_whole() -> None:
    """Its ten messages, and one of a library; its two documents with every key."""
    assert len(MESSAGES) == 10
    assert [len(document.key_agreement) for document in DOCUMENTS.values()] == [3, 9]
