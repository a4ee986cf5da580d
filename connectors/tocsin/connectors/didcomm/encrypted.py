"""Encrypted envelopes of version 2 (JWE, DIDComm Messaging 2.1 "Message Encryption"): read, opened and made.

Read leniently where agents differ and nothing is proven by it: no `typ`, no `apv`, `epk` beside the recipient (an
anoncrypt of ACA-Py), authcrypt with A256GCM and without `apu` (Veramo). Made strictly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.didcomm.algorithms import (
    CONTENT,
    ES,
    ONE_PU,
    PrivatePart,
    PublicPart,
    content_key,
    decrypt,
    encrypt,
    ephemeral_key,
    generate,
    public_jwk,
    unwrap,
    wrap,
)
from tocsin.connectors.didcomm.dids import split_key_id
from tocsin.connectors.didcomm.encoding import Curve, to_base64url
from tocsin.connectors.didcomm.faults import Fault, Unpackable
from tocsin.connectors.didcomm.port import MAX_RECIPIENTS
from tocsin.connectors.didcomm.reading import decoded, is_typ

MEDIA_TYPE = "application/didcomm-encrypted+json"
ENC = "A256CBC-HS512"
"""Of what is made: the one that every agent must have, and the only one for authcrypt."""

_PROTECTED_ONLY = ("alg", "enc", "apu", "apv", "skid", "typ", "cty", "zip", "crit")


class Recipient(Struct, frozen=True):
    """For whom the key of the content is wrapped."""

    key_id: str
    wrapped: bytes
    epk: object


class Encrypted(Struct, frozen=True, kw_only=True):
    """An encrypted envelope whose header is in order; nothing in it is proven yet."""

    header: bytes
    """As it was authenticated, with the additional data if there are any."""

    alg: str
    enc: str
    sender: str | None
    """The id of the sender's key, for authcrypt."""

    apu: bytes
    apv: bytes
    recipients: tuple[Recipient, ...]
    nonce: bytes
    ciphertext: bytes
    tag: bytes


def read_encrypted(found: Mapping[str, Any], protected: Mapping[str, Any]) -> Encrypted:
    """The envelope, before anything is decrypted or looked up. Raises Unpackable."""
    _check_header(found, protected)
    alg, enc = protected["alg"], protected["enc"]
    apu = decoded(protected, "apu") if protected.get("apu") is not None else b""
    apv = decoded(protected, "apv") if protected.get("apv") is not None else b""
    recipients = tuple(_recipients(found, protected))
    if apv and apv != recipients_digest(recipient.key_id for recipient in recipients):
        raise Unpackable(Fault.RECIPIENTS_CHANGED, "apv is not the digest of the recipients")
    nonce, tag = decoded(found, "iv"), decoded(found, "tag")
    if (len(nonce), len(tag)) != CONTENT[enc][1:]:
        raise Unpackable(Fault.MALFORMED, f"iv and tag have not the lengths of {enc}")
    header = found["protected"].encode()
    if "aad" in found:
        decoded(found, "aad")
        header += b"." + found["aad"].encode()
    return Encrypted(
        header=header, alg=alg, enc=enc, sender=_sender(protected, apu) if alg == ONE_PU else None, apu=apu, apv=apv,
        recipients=recipients, nonce=nonce, ciphertext=decoded(found, "ciphertext"), tag=tag,
    )  # fmt: skip


def open_encrypted(
    envelope: Encrypted, recipient: Recipient, own: tuple[Curve, PrivatePart], sender: PublicPart | None
) -> bytes:
    """What is inside, for one of the recipients; with the key of the sender, as it must be for authcrypt. Raises
    Unpackable."""
    try:
        curve, epk = ephemeral_key(recipient.epk)
    except ValueError as error:
        raise Unpackable(Fault.MALFORMED, f"epk: {error}") from None
    if curve != own[0]:
        raise Unpackable(Fault.UNDECRYPTABLE, "epk is of another curve than the recipient's key")
    try:
        key = _content_key(envelope, recipient, epk, own[1], sender)
        return decrypt(key, envelope.ciphertext, envelope.nonce, envelope.tag, envelope.header)
    except ValueError as error:
        raise Unpackable(Fault.UNDECRYPTABLE, str(error)) from None


def _content_key(
    envelope: Encrypted, recipient: Recipient, epk: PublicPart, own: PrivatePart, sender: PublicPart | None
) -> Any:
    """ECDH-1PU binds the wrapped key to the tag since its draft 4, which DIDComm demands; Veramo has draft 3, and no
    `apu` by which to know it."""
    bound = envelope.tag if envelope.enc == ENC else None
    parameters = (envelope.enc, recipient.wrapped, epk, own, envelope.apu, envelope.apv, sender)
    try:
        return unwrap(*parameters, bound)
    except ValueError:
        if sender is None or bound is None or envelope.apu:
            raise
        return unwrap(*parameters, None)


def make_encrypted(
    plain: bytes, to: Sequence[tuple[str, PublicPart]], curve: Curve, sender: tuple[str, PrivatePart] | None
) -> bytes:
    """An envelope for keys of one curve: authcrypt with a sender's key of that curve, anoncrypt without."""
    epk = generate(curve)
    apu = sender[0].encode() if sender is not None else b""
    apv = recipients_digest(key_id for key_id, _ in to)
    protected: dict[str, Any] = {
        "typ": MEDIA_TYPE,
        "alg": ES if sender is None else ONE_PU,
        "enc": ENC,
        "apv": to_base64url(apv),
        "epk": public_jwk(epk),
    }
    if sender is not None:
        protected |= {"skid": sender[0], "apu": to_base64url(apu)}
    header = to_base64url(msgspec.json.encode(protected))
    key = content_key(ENC)
    content = encrypt(key, plain, header.encode())
    recipients = [
        {
            "header": {"kid": key_id},
            "encrypted_key": to_base64url(
                wrap(key, epk, public, apu, apv, sender[1] if sender is not None else None, content.tag)
            ),
        }
        for key_id, public in to
    ]
    return msgspec.json.encode(
        {
            "protected": header,
            "recipients": recipients,
            "iv": to_base64url(content.nonce),
            "ciphertext": to_base64url(content.ciphertext),
            "tag": to_base64url(content.tag),
        }
    )


def recipients_digest(key_ids: Iterable[str]) -> bytes:
    """What `apv` is made of."""
    return hashlib.sha256(".".join(sorted(key_ids)).encode()).digest()


def _check_header(found: Mapping[str, Any], protected: Mapping[str, Any]) -> None:
    shared = found.get("unprotected", {})
    if not isinstance(shared, dict) or any(name in shared for name in (*_PROTECTED_ONLY, "epk", "kid")):
        raise Unpackable(Fault.UNPROTECTED_HEADER, "unprotected")
    if "crit" in protected or "zip" in protected:
        raise Unpackable(Fault.UNSUPPORTED_ALGORITHM, "crit and zip are not taken")
    if protected.get("alg") not in (ES, ONE_PU):
        raise Unpackable(Fault.UNSUPPORTED_ALGORITHM, f"alg is neither {ES} nor {ONE_PU}")
    enc = protected.get("enc")
    if not isinstance(enc, str) or enc not in CONTENT:
        raise Unpackable(Fault.UNSUPPORTED_ALGORITHM, f"enc is none of {', '.join(CONTENT)}")
    if not is_typ(protected.get("typ"), "didcomm-encrypted+json", "didcomm+encrypted"):
        raise Unpackable(Fault.WRONG_TYP, f"typ is not {MEDIA_TYPE}")


def _sender(protected: Mapping[str, Any], apu: bytes) -> str:
    named = apu.decode(errors="replace") if apu else None
    skid = protected.get("skid", named)
    try:
        split_key_id(skid)
    except ValueError as error:
        raise Unpackable(Fault.MALFORMED, f"skid: {error}") from None
    if named is not None and named != skid:
        raise Unpackable(Fault.SENDER_MISMATCH, "apu and skid name two keys")
    return str(skid)


def _recipients(found: Mapping[str, Any], protected: Mapping[str, Any]) -> Iterable[Recipient]:
    entries = found.get("recipients", [found] if "encrypted_key" in found else None)
    if not isinstance(entries, list) or not entries:
        raise Unpackable(Fault.MALFORMED, "it has no recipients")
    if len(entries) > MAX_RECIPIENTS:
        raise Unpackable(Fault.TOO_MANY_RECIPIENTS, f"at most {MAX_RECIPIENTS}")
    seen: set[str] = set()
    for entry in entries:
        header = entry.get("header") if isinstance(entry, dict) else None
        if not isinstance(header, dict) or not isinstance(header.get("kid"), str) or header["kid"] in seen:
            raise Unpackable(Fault.MALFORMED, "a recipient has no kid, or that of another")
        if any(name in header for name in _PROTECTED_ONLY) or ("epk" in header and protected["alg"] != ES):
            raise Unpackable(Fault.UNPROTECTED_HEADER, "recipients")
        seen.add(header["kid"])
        epk = protected["epk"] if "epk" in protected else header.get("epk")
        yield Recipient(header["kid"], decoded(entry, "encrypted_key"), epk)
