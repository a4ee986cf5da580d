"""Envelopes of version 1 (Aries RFC 0019), read, opened and made. Keys are Ed25519, named by their base58 text; what is
computed with is the X25519 key of each. All of the header is protected."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aries_askar import AskarError, Key, KeyAlg, crypto_box
from msgspec import Struct

from tocsin.connectors.didcomm.algorithms import agreement_part, decrypt, public_key
from tocsin.connectors.didcomm.encoding import from_base58
from tocsin.connectors.didcomm.faults import Fault, Unpackable
from tocsin.connectors.didcomm.port import MAX_RECIPIENTS
from tocsin.connectors.didcomm.reading import decoded, is_typ

AUTHCRYPT = "Authcrypt"
ANONCRYPT = "Anoncrypt"
ENC = "xchacha20poly1305_ietf"
"""As the RFC has it; it is ChaCha20-Poly1305 with the nonce of 12 bytes (RFC 8439)."""

_VERKEY = 32


class Recipient(Struct, frozen=True):
    """For whom the key of the content is wrapped; `sender` and `nonce` are empty for anoncrypt."""

    verkey: str
    wrapped: bytes
    sender: bytes
    nonce: bytes


class Packed(Struct, frozen=True, kw_only=True):
    """An envelope whose header is in order; nothing in it is proven yet."""

    header: bytes
    alg: str
    recipients: tuple[Recipient, ...]
    nonce: bytes
    ciphertext: bytes
    tag: bytes


def read_packed(found: Mapping[str, Any], protected: Mapping[str, Any]) -> Packed:
    """The envelope, before anything is decrypted. Raises Unpackable."""
    if not is_typ(protected.get("typ"), "jwm/1.0"):
        raise Unpackable(Fault.WRONG_TYP, "typ is not JWM/1.0")
    if protected.get("enc") not in (ENC, "chacha20poly1305_ietf"):
        raise Unpackable(Fault.UNSUPPORTED_ALGORITHM, f"enc is not {ENC}")
    nonce, tag = decoded(found, "iv"), decoded(found, "tag")
    if (len(nonce), len(tag)) != (12, 16):
        raise Unpackable(Fault.MALFORMED, "iv has not 12 bytes, or tag not 16")
    return Packed(
        header=found["protected"].encode(), alg=protected["alg"], recipients=tuple(_recipients(protected)),
        nonce=nonce, ciphertext=decoded(found, "ciphertext"), tag=tag,
    )  # fmt: skip


def open_packed(envelope: Packed, recipient: Recipient, own: Key) -> tuple[bytes, str | None]:
    """What is inside, for one of the recipients, and the verkey of who is proven to have sent it. Raises Unpackable."""
    try:
        key = agreement_part(own)
        if envelope.alg == ANONCRYPT:
            sender, content = None, crypto_box.crypto_box_seal_open(key, recipient.wrapped)
        else:
            sender = crypto_box.crypto_box_seal_open(key, recipient.sender).decode("ascii")
            box = agreement_part(public_key("Ed25519", from_base58(sender, _VERKEY)))
            content = crypto_box.crypto_box_open(key, box, recipient.wrapped, recipient.nonce)
        content_key = Key.from_secret_bytes(KeyAlg.C20P, content)
        return decrypt(content_key, envelope.ciphertext, envelope.nonce, envelope.tag, envelope.header), sender
    except (AskarError, ValueError):
        raise Unpackable(Fault.UNDECRYPTABLE, "it was made with other keys, or changed") from None


def make_packed(plain: bytes, to: Sequence[str], sender: tuple[str, Key] | None) -> bytes:
    """An envelope for verkeys: authcrypt with a sender, anoncrypt without. Raises ValueError for what is no verkey."""
    secret = os.urandom(32)
    entries = [_entry(secret, verkey, sender) for verkey in to]
    protected = {
        "enc": ENC,
        "typ": "JWM/1.0",
        "alg": ANONCRYPT if sender is None else AUTHCRYPT,
        "recipients": entries,
    }
    header = _padded(msgspec.json.encode(protected))
    content = Key.from_secret_bytes(KeyAlg.C20P, secret).aead_encrypt(plain, aad=header.encode())
    return msgspec.json.encode(
        {
            "protected": header,
            "iv": _padded(content.nonce),
            "ciphertext": _padded(content.ciphertext),
            "tag": _padded(content.tag),
        }
    )


def _entry(secret: bytes, verkey: str, sender: tuple[str, Key] | None) -> dict[str, Any]:
    box = agreement_part(public_key("Ed25519", from_base58(verkey, _VERKEY)))
    if sender is None:
        wrapped = crypto_box.crypto_box_seal(box, secret)
        return {"encrypted_key": _padded(wrapped), "header": {"kid": verkey, "sender": None, "iv": None}}
    nonce = crypto_box.random_nonce()
    wrapped = crypto_box.crypto_box(box, agreement_part(sender[1]), secret, nonce)
    sealed = crypto_box.crypto_box_seal(box, sender[0])
    header = {"kid": verkey, "sender": _padded(sealed), "iv": _padded(nonce)}
    return {"encrypted_key": _padded(wrapped), "header": header}


def _recipients(protected: Mapping[str, Any]) -> list[Recipient]:
    entries = protected.get("recipients")
    if not isinstance(entries, list) or not entries:
        raise Unpackable(Fault.MALFORMED, "it has no recipients")
    if len(entries) > MAX_RECIPIENTS:
        raise Unpackable(Fault.TOO_MANY_RECIPIENTS, f"at most {MAX_RECIPIENTS}")
    authcrypt = protected["alg"] == AUTHCRYPT
    return [_recipient(entry, authcrypt) for entry in entries]


def _recipient(entry: object, authcrypt: bool) -> Recipient:
    header = entry.get("header") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(header, dict) or not isinstance(header.get("kid"), str):
        raise Unpackable(Fault.MALFORMED, "a recipient has no kid")
    if not authcrypt and header.get("sender"):
        raise Unpackable(Fault.MALFORMED, "an anoncrypt names a sender")
    sender, nonce = (decoded(header, "sender"), decoded(header, "iv")) if authcrypt else (b"", b"")
    return Recipient(header["kid"], decoded(entry, "encrypted_key"), sender, nonce)


def _padded(data: bytes) -> str:
    """With padding, as Indy's own envelopes have it."""
    return urlsafe_b64encode(data).decode()
