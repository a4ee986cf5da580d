"""Key agreement on P-521, which Askar does not have: RFC 7518 4.6 and draft-madden-jose-ecdh-1pu-04 2.3."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tocsin.connectors.didcomm.encoding import from_base64url, to_base64url

_SIZE = 66
Public = ec.EllipticCurvePublicKey
Private = ec.EllipticCurvePrivateKey


def generate() -> Private:
    """A new key."""
    return ec.generate_private_key(ec.SECP521R1())


def public(encoded: bytes) -> Public:
    """A public key from its compressed point. Raises ValueError when it is none of the curve."""
    return Public.from_encoded_point(ec.SECP521R1(), encoded)


def compressed(key: Public) -> bytes:
    """The point of a public key, compressed."""
    return key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def private(jwk: dict[str, Any]) -> Private:
    """A private key from its JWK. Raises ValueError."""
    key = ec.derive_private_key(int.from_bytes(from_base64url(jwk["d"])), ec.SECP521R1())
    if public_jwk(key.public_key()) != {name: jwk[name] for name in ("kty", "crv", "x", "y")}:
        raise ValueError("its private and public parts are of two keys")
    return key


def public_jwk(key: Public) -> dict[str, str]:
    """The JWK of a public key."""
    numbers = key.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-521",
        "x": to_base64url(numbers.x.to_bytes(_SIZE)),
        "y": to_base64url(numbers.y.to_bytes(_SIZE)),
    }


def private_jwk(key: Private) -> dict[str, str]:
    """The JWK of a private key: not to be shown to anybody."""
    return {**public_jwk(key.public_key()), "d": to_base64url(key.private_numbers().private_value.to_bytes(_SIZE))}


def wrapping_key(
    pairs: list[tuple[Private, Public]], alg: str, apu: bytes, apv: bytes, tag: bytes | None = None
) -> bytes:
    """The key that wraps the key of the content: of the ephemeral agreement, and for authcrypt of the static one."""
    shared = b"".join(own.exchange(ec.ECDH(), theirs) for own, theirs in pairs)
    info = b"".join(len(each).to_bytes(4) + each for each in (alg.encode(), apu, apv)) + (256).to_bytes(4)
    if tag is not None:
        info += len(tag).to_bytes(4) + tag
    return ConcatKDFHash(SHA256(), 32, info).derive(shared)
