"""The algorithms of DIDComm, each from a library (Askar; P-521 from cryptography): keys, agreement, wrapping, signing.

Nothing here reads an envelope. What the libraries raise becomes ValueError, whose text never has a key in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from aries_askar import AskarError, Key, KeyAlg
from aries_askar.bindings import Encrypted
from aries_askar.ecdh import Ecdh1PU, EcdhEs

from tocsin.connectors.didcomm import p521
from tocsin.connectors.didcomm.document import public_bytes
from tocsin.connectors.didcomm.encoding import Curve, from_base64url

ES = "ECDH-ES+A256KW"
ONE_PU = "ECDH-1PU+A256KW"

PublicPart: TypeAlias = "Key | p521.Public"
PrivatePart: TypeAlias = "Key | p521.Private"

_KEY_ALG: Mapping[Curve, KeyAlg] = {
    "Ed25519": KeyAlg.ED25519,
    "X25519": KeyAlg.X25519,
    "P-256": KeyAlg.P256,
    "P-384": KeyAlg.P384,
    "secp256k1": KeyAlg.K256,
}
CONTENT: Mapping[str, tuple[KeyAlg, int, int]] = {
    "A256CBC-HS512": (KeyAlg.A256CBC_HS512, 16, 32),
    "A256GCM": (KeyAlg.A256GCM, 12, 16),
    "XC20P": (KeyAlg.XC20P, 24, 16),
}
"""Encryption of the content: the algorithm, the bytes of its nonce and of its tag."""
SIGNATURE: Mapping[Curve, str] = {"Ed25519": "EdDSA", "P-256": "ES256", "secp256k1": "ES256K"}
"""The JWS algorithm of the curves that sign."""


@lru_cache(maxsize=2048)
def public_key(curve: Curve, public: bytes) -> PublicPart:
    """A public key, ready for use; kept, since a peer's is used again. Raises ValueError when the bytes are none."""
    return _public_key(curve, public)


def ephemeral_key(jwk: object) -> tuple[Curve, PublicPart]:
    """The public key of a header, which is used once. Raises ValueError, also for a point that is not on its curve."""
    curve, public = public_bytes(jwk)
    key = _public_key(curve, public)
    if "y" in (found := public_jwk(key)) and not _same_number(found["y"], jwk["y"]):  # type: ignore[index]
        raise ValueError("it is no point of its curve")
    return curve, key


def _same_number(one: str, other: str) -> bool:
    return int.from_bytes(from_base64url(one)) == int.from_bytes(from_base64url(other))


def _public_key(curve: Curve, public: bytes) -> PublicPart:
    if curve == "P-521":
        return p521.public(public)
    try:
        return Key.from_public_bytes(_KEY_ALG[curve], public)
    except AskarError:
        raise ValueError(f"it is no key of {curve}") from None


def to_x25519(public: bytes) -> bytes:
    """The X25519 key of an Ed25519 one (RFC 7748 4.1). Raises ValueError."""
    return bytes(agreement_part(public_key("Ed25519", public)).get_public_bytes())


def agreement_part(key: PublicPart | PrivatePart) -> Key:
    """The X25519 key of an Ed25519 key, public or private. Raises ValueError."""
    try:
        return key.convert_key(KeyAlg.X25519)  # type: ignore[union-attr]
    except (AskarError, AttributeError):
        raise ValueError("it is no Ed25519 key") from None


def generate(curve: Curve) -> PrivatePart:
    """A new key."""
    return p521.generate() if curve == "P-521" else Key.generate(_KEY_ALG[curve])


def private_key(jwk: Mapping[str, Any]) -> PrivatePart:
    """A private key from its JWK. Raises ValueError."""
    public_bytes(dict(jwk))
    if not isinstance(jwk.get("d"), str):
        raise ValueError("it has no private part")
    if jwk["crv"] == "P-521":
        return p521.private(dict(jwk))
    try:
        return Key.from_jwk({name: jwk[name] for name in ("kty", "crv", "x", "y", "d") if name in jwk})
    except AskarError:
        raise ValueError("its private and public parts are not those of one key") from None


def private_jwk(key: PrivatePart) -> dict[str, str]:
    """The JWK of a private key: not to be shown to anybody."""
    if isinstance(key, p521.Private):
        return p521.private_jwk(key)
    return dict(json.loads(key.get_jwk_secret()))


def public_jwk(key: PublicPart | PrivatePart) -> dict[str, str]:
    """The JWK of the public part of a key: of an ephemeral one, in a header."""
    if isinstance(key, p521.Private):
        key = key.public_key()
    return p521.public_jwk(key) if isinstance(key, p521.Public) else dict(json.loads(key.get_jwk_public()))


def content_key(enc: str) -> Key:
    """A new key for the content of one envelope."""
    return Key.generate(CONTENT[enc][0], ephemeral=True)


def encrypt(content_key: Key, plain: bytes, header: bytes) -> Encrypted:
    """The content under a new nonce, with the header authenticated."""
    return content_key.aead_encrypt(plain, aad=header)


def wrap(
    content_key: Key, ephemeral: PrivatePart, to: PublicPart, apu: bytes, apv: bytes, sender: PrivatePart | None,
    tag: bytes,
) -> bytes:  # fmt: skip
    """The key of the content for one recipient; with a sender it is authcrypt, and bound to the tag of the content."""
    if isinstance(ephemeral, p521.Private):
        pairs = [(ephemeral, to)] if sender is None else [(ephemeral, to), (sender, to)]
        derived = p521.wrapping_key(pairs, *((ES, apu, apv) if sender is None else (ONE_PU, apu, apv, tag)))
        wrapped = Key.from_secret_bytes(KeyAlg.A256KW, derived).wrap_key(content_key)
    elif sender is None:
        wrapped = EcdhEs(ES, apu, apv).sender_wrap_key(KeyAlg.A256KW, ephemeral, to, content_key)
    else:
        wrapped = Ecdh1PU(ONE_PU, apu, apv).sender_wrap_key(
            KeyAlg.A256KW, ephemeral, sender, to, content_key, cc_tag=tag
        )  # fmt: skip
    return bytes(wrapped.ciphertext_tag)


def unwrap(
    enc: str, wrapped: bytes, ephemeral: PublicPart, own: PrivatePart, apu: bytes, apv: bytes,
    sender: PublicPart | None, tag: bytes | None,
) -> Key:  # fmt: skip
    """The key of the content; `tag` is None for an agent that does not bind it (draft 3 of ECDH-1PU).
    Raises ValueError when it was wrapped for another key, by another, or changed."""
    try:
        if isinstance(own, p521.Private):
            pairs = [(own, ephemeral)] if sender is None else [(own, ephemeral), (own, sender)]
            derived = p521.wrapping_key(pairs, *((ES, apu, apv) if sender is None else (ONE_PU, apu, apv, tag)))
            return Key.from_secret_bytes(KeyAlg.A256KW, derived).unwrap_key(CONTENT[enc][0], wrapped)
        if sender is None:
            return EcdhEs(ES, apu, apv).receiver_unwrap_key(KeyAlg.A256KW, CONTENT[enc][0], ephemeral, own, wrapped)
        return Ecdh1PU(ONE_PU, apu, apv).receiver_unwrap_key(
            KeyAlg.A256KW, CONTENT[enc][0], ephemeral, sender, own, wrapped, cc_tag=tag
        )  # fmt: skip
    except (AskarError, TypeError, AttributeError):  # the latter: keys of two kinds
        raise ValueError("the key of the content does not unwrap") from None


def decrypt(content_key: Key, ciphertext: bytes, nonce: bytes, tag: bytes, header: bytes) -> bytes:
    """The content. Raises ValueError when it, or the header, was changed."""
    try:
        return bytes(content_key.aead_decrypt(ciphertext, nonce=nonce, tag=tag, aad=header))
    except AskarError:
        raise ValueError("the content does not decrypt") from None


def sign(key: PrivatePart, data: bytes) -> bytes:
    """A signature as JWS has it."""
    return bytes(key.sign_message(data))  # type: ignore[union-attr]


def verify(curve: Curve, key: PublicPart, data: bytes, signature: bytes) -> bool:
    """Whether the signature is one of this key."""
    if curve == "secp256k1" and len(signature) == 64:
        signature = _with_low_s(signature)
    try:
        return bool(key.verify_signature(data, signature))  # type: ignore[union-attr]
    except AskarError:
        return False


_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of secp256k1."""


def _with_low_s(signature: bytes) -> bytes:
    """Each ECDSA signature has a twin, s and n - s; of secp256k1 Askar takes the lower only, RFC 8812 either."""
    s = int.from_bytes(signature[32:])
    return signature if s <= _ORDER // 2 or s >= _ORDER else signature[:32] + (_ORDER - s).to_bytes(32)
