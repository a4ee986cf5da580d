"""Whatever bytes arrive: a message that was really sent, or one of the two documented errors, in bounded time.

Bounded to seconds here; `make fuzz` goes on for minutes. What it once found stands in `test_refused.py` by name.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.connectors.didcomm.example import ALICE, APPENDIX, BOB, opener, writer
from tocsin.connectors.didcomm.dids import is_did, short, split_key_id
from tocsin.connectors.didcomm.document import read_document
from tocsin.connectors.didcomm.encoding import from_base64url, to_base64url
from tocsin.connectors.didcomm.methods import self_contained, web_url
from tocsin.connectors.didcomm.port import Packing, Unpackable, Unresolvable

PATIENCE = int(os.environ.get("TOCSIN_FUZZ", "1"))
"""How many times as many examples."""
SECONDS = 5.0
"""CPU time that one envelope may take: enough on a slow machine, not for a scan that is quadratic."""

ENVELOPES: list[dict[str, Any]] = [*APPENDIX["messages"].values()]
BY_US = asyncio.run(writer(ALICE).pack({"id": "1", "type": "t"}, BOB, None, Packing.AUTHCRYPT)).content
BOTH = opener(BOB, ALICE)
FUZZ = settings(max_examples=60 * PATIENCE, deadline=None, suppress_health_check=list(HealthCheck))


def survives(raw: bytes) -> None:
    """Only the documented errors; what is opened is what somebody packed."""
    started = time.thread_time()
    try:
        unpacked = asyncio.run(BOTH.open(raw))
    except (Unpackable, Unresolvable):
        return
    finally:
        assert time.thread_time() - started < SECONDS
    assert unpacked.message == APPENDIX["plaintext"] or unpacked.sender is None or unpacked.message["type"] == "t"


names = st.sampled_from(
    """protected recipients iv ciphertext tag header encrypted_key kid epk kty crv x y d alg enc apu apv skid typ zip
    crit unprotected aad payload signatures signature type @type id from to body sender b64""".split()  # noqa: SIM905
)
leaves: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | names
    | st.sampled_from(
        ["ECDH-ES+A256KW", "ECDH-1PU+A256KW", "A256CBC-HS512", "XC20P", "Authcrypt", "Anoncrypt", "EdDSA", "ES256",
         "none", "JWM/1.0", "xchacha20poly1305_ietf", "application/didcomm-encrypted+json", f"{BOB}#key-x25519-1",
         f"{ALICE}#key-1", "X25519", "P-256", "P-521", "OKP", "EC", "\ud800", "\x00", "A" * 43, "=", "did:key:z6Mk",
         "did:peer:2.", "did:web:a", "#"]
    )
    | st.binary(max_size=70).map(to_base64url)
)  # fmt: skip
values: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6), max_leaves=10
)
objects = st.dictionaries(names, values, max_size=8)


def as_header(found: object) -> str:
    return to_base64url(json.dumps(found).encode())


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A genuine envelope with members put in, taken out and changed, also in the header that is authenticated."""
    found = json.loads(json.dumps(draw(st.sampled_from(ENVELOPES))))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = found
        if draw(st.booleans()) and "protected" in found:
            try:
                header = json.loads(from_base64url(found["protected"]))
                header[draw(names)] = draw(values)
                found["protected"] = as_header(header)
            except (ValueError, TypeError):
                pass
            continue
        while isinstance(place, (dict, list)) and place and draw(st.booleans()):
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
            if not isinstance(place[key], (dict, list)):
                break
            place = place[key]
        if isinstance(place, dict):
            place[draw(names)] = draw(values)
    return json.dumps(found).encode()


@given(st.binary(max_size=200) | objects.map(lambda found: json.dumps(found).encode()))
@FUZZ
def test_arbitrary_bytes_and_json(raw: bytes) -> None:
    survives(raw)


others = ["recipients", "iv", "ciphertext", "tag", "unprotected", "payload", "signatures", "header", "encrypted_key"]
framed = st.fixed_dictionaries({"protected": objects.map(as_header)}, optional=dict.fromkeys(others, values))


@given(framed)
@FUZZ
def test_headers_of_all_kinds(found: dict[str, Any]) -> None:
    survives(json.dumps(found).encode())


@given(spoilt())
@FUZZ
def test_envelopes_that_were_spoilt(raw: bytes) -> None:
    survives(raw)


@given(st.integers(0, len(BY_US) - 1), st.binary(min_size=0, max_size=4), st.integers(0, 6))
@FUZZ
def test_bytes_put_into_a_genuine_envelope(place: int, put: bytes, taken: int) -> None:
    survives(BY_US[:place] + put + BY_US[place + taken :])


BEGINNINGS = ["did:key:", "did:peer:2", "did:peer:4", "did:peer:2.Ez6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc.S"]
rests = st.text("abcdefzEVSz123456789.:%-_=/\x00é", max_size=60)
dids = st.text(max_size=60) | st.builds(str.__add__, st.sampled_from([*BEGINNINGS, "did:web:"]), rests)


@given(dids)
@FUZZ
def test_texts_that_may_be_dids(did: str) -> None:
    try:
        document = self_contained(did)
        if document is None:
            assert web_url(did).startswith("https://")
    except Unresolvable:
        return
    assert is_did(did)
    assert short(did) in (did, did.rpartition(":")[0])


members = st.sampled_from(
    """id type controller publicKeyJwk publicKeyMultibase publicKeyBase58 verificationMethod authentication keyAgreement
    service serviceEndpoint uri accept routingKeys recipientKeys priority alsoKnownAs kty crv x y publicKey""".split()  # noqa: SIM905
)
parts: st.SearchStrategy[Any] = st.recursive(
    leaves | st.sampled_from(["DIDCommMessaging", "did-communication", "Multikey", "#k", "https://a", "didcomm/v2"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(members, parts, max_size=8))
@FUZZ
def test_documents_of_all_kinds(found: dict[str, Any]) -> None:
    document = read_document("did:example:x", {**found, "id": "did:example:x"})
    for key in (*document.key_agreement, *document.authentication):
        assert split_key_id(key.id)[0] == "did:example:x"
    for service in document.services:
        assert service.uri


@given(st.binary(max_size=100))
@FUZZ
def test_base64url_has_one_text_for_each_value(data: bytes) -> None:
    text = to_base64url(data)
    assert from_base64url(text) == data
    for place in range(len(text)):
        for other in "Ab-_9":
            if other != text[place]:
                try:
                    assert from_base64url(text[:place] + other + text[place + 1 :]) != data
                except ValueError:
                    continue


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(texts, contents, max_size=4),
    st.sampled_from([Packing.AUTHCRYPT, Packing.ANONCRYPT, Packing.SIGNED]),
)
@settings(max_examples=40 * PATIENCE, deadline=None)
def test_every_message_comes_back_as_it_was(body: dict[str, Any], packing: Packing) -> None:
    message = {"id": "1", "type": "t", "body": body}

    async def there_and_back() -> dict[str, Any]:
        envelope = await writer(ALICE).pack(message, BOB, ALICE, packing)
        return (await opener(BOB).open(envelope.content)).message

    assert asyncio.run(there_and_back())["body"] == body
