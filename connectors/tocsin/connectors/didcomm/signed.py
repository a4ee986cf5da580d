"""Signed messages of version 2 (JWS, DIDComm Messaging 2.1 "Message Signing"): read, verified and made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.didcomm.algorithms import SIGNATURE, PrivatePart, public_key, sign, verify
from tocsin.connectors.didcomm.dids import split_key_id
from tocsin.connectors.didcomm.encoding import Curve, to_base64url
from tocsin.connectors.didcomm.faults import Fault, Unpackable
from tocsin.connectors.didcomm.port import PublicKey
from tocsin.connectors.didcomm.reading import decoded, is_typ, protected_header

MEDIA_TYPE = "application/didcomm-signed+json"
MAX_SIGNATURES = 8


class Signature(Struct, frozen=True):
    """One of a message; `data` is what was signed."""

    key_id: str
    alg: str
    data: bytes
    value: bytes


class Signed(Struct, frozen=True):
    """A signed message whose headers are in order; nothing in it is proven yet."""

    payload: bytes
    signatures: tuple[Signature, ...]


def read_signed(found: Mapping[str, Any], limit: int) -> Signed:
    """The message, before anything is verified or looked up. Raises Unpackable."""
    payload = decoded(found, "payload")
    entries = found.get("signatures", [found] if "signature" in found else None)
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_SIGNATURES:
        raise Unpackable(Fault.MALFORMED, f"it has no signatures, or more than {MAX_SIGNATURES}")
    return Signed(payload, tuple(_signature(entry, found["payload"], limit) for entry in entries))


def check_signature(signature: Signature, key: PublicKey) -> None:
    """Raises Unpackable unless this key made it."""
    if SIGNATURE.get(key.curve) != signature.alg:
        raise Unpackable(Fault.UNSUPPORTED_ALGORITHM, f"alg is not that of a key of {key.curve}")
    try:
        genuine = verify(key.curve, public_key(key.curve, key.public), signature.data, signature.value)
    except ValueError:
        genuine = False
    if not genuine:
        raise Unpackable(Fault.BAD_SIGNATURE)


def make_signed(plain: bytes, key_id: str, curve: Curve, key: PrivatePart) -> bytes:
    """A message signed by one key."""
    header = to_base64url(msgspec.json.encode({"typ": MEDIA_TYPE, "alg": SIGNATURE[curve], "kid": key_id}))
    payload = to_base64url(plain)
    signature = to_base64url(sign(key, f"{header}.{payload}".encode()))
    entry = {"protected": header, "header": {"kid": key_id}, "signature": signature}
    return msgspec.json.encode({"payload": payload, "signatures": [entry]})


def _signature(entry: Any, payload: str, limit: int) -> Signature:
    if not isinstance(entry, dict):
        raise Unpackable(Fault.MALFORMED, "a signature is no object")
    protected = protected_header(entry, limit)
    header = entry.get("header", {})
    if not isinstance(header, dict) or any(name in header for name in ("alg", "typ", "crit", "b64")):
        raise Unpackable(Fault.UNPROTECTED_HEADER, "signatures")
    if "crit" in protected or "b64" in protected or protected.get("alg") not in SIGNATURE.values():
        raise Unpackable(Fault.UNSUPPORTED_ALGORITHM, f"alg is none of {', '.join(SIGNATURE.values())}")
    if not is_typ(protected.get("typ"), "didcomm-signed+json"):
        raise Unpackable(Fault.WRONG_TYP, f"typ is not {MEDIA_TYPE}")
    key_id = protected.get("kid", header.get("kid"))
    if header.get("kid", key_id) != key_id:
        raise Unpackable(Fault.SIGNER_MISMATCH, "a signature names two keys")
    try:
        split_key_id(key_id)
    except ValueError as error:
        raise Unpackable(Fault.MALFORMED, f"kid: {error}") from None
    data = f"{entry['protected']}.{payload}".encode()
    return Signature(str(key_id), protected["alg"], data, decoded(entry, "signature"))
