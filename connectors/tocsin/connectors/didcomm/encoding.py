"""How bytes and keys stand in envelopes and documents: base64url, base58, multikeys (W3C Controlled Identifiers).

Each text has one meaning and each meaning one text: what could be written in two ways is read in one only, so that no
changed envelope is taken for the one that was sent.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64encode

import base58

from tocsin.connectors.didcomm.dids import Curve as Curve

MAX_BASE58 = 4096
"""Characters of a base58 text that is decoded: the time for it grows with their square."""

# multicodec -> curve and length of the key (https://github.com/multiformats/multicodec)
_CODECS: dict[bytes, tuple[Curve, int]] = {
    b"\xed\x01": ("Ed25519", 32),
    b"\xec\x01": ("X25519", 32),
    b"\x80\x24": ("P-256", 33),
    b"\x81\x24": ("P-384", 49),
    b"\x82\x24": ("P-521", 67),
    b"\xe7\x01": ("secp256k1", 33),
}
_PREFIX = {curve: codec for codec, (curve, _) in _CODECS.items()}
LENGTH: dict[Curve, int] = dict(_CODECS.values())
"""How many bytes a public key of a curve has, its point compressed."""


def to_base64url(data: bytes) -> str:
    """Without padding, as JOSE has it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: object) -> bytes:
    """The bytes of a base64url text, with or without its padding. Raises ValueError for any other value, and for a text
    whose last character has bits that no byte has."""
    if not isinstance(text, str) or not text.isascii() or "+" in text or "/" in text:
        raise ValueError("it is not base64url")
    bare = text.rstrip("=")
    if len(text) - len(bare) not in (0, -len(bare) % 4):
        raise ValueError("its padding is wrong")
    try:
        data = binascii.a2b_base64(
            bare.translate(_STANDARD).encode() + b"=" * (-len(bare) % 4), strict_mode=bool(bare)
        )  # fmt: skip
    except binascii.Error:
        raise ValueError("it is not base64url") from None
    rest = len(data) % 3
    if rest and to_base64url(data[-rest:]) != bare[-(rest + 1) :]:
        raise ValueError("its last character is not the one that base64url has")
    return data


_STANDARD = str.maketrans("-_", "+/")


def to_base58(data: bytes) -> str:
    """As Bitcoin has it."""
    return base58.b58encode(data).decode()


def from_base58(text: object, length: int | None = None) -> bytes:
    """The bytes of a base58 text, of this many bytes. Raises ValueError for any other value."""
    if not isinstance(text, str) or len(text) > MAX_BASE58 or not (text.isascii() and text.isalnum()):
        raise ValueError("it is not base58")
    data = bytes(base58.b58decode(text.encode()))
    if length is not None and len(data) != length:
        raise ValueError(f"it has {len(data)} bytes, not {length}")
    return data


def to_multikey(curve: Curve, public: bytes) -> str:
    """A public key as `publicKeyMultibase` and did:key have it."""
    return "z" + to_base58(_PREFIX[curve] + public)


def from_multikey(text: object) -> tuple[Curve, bytes]:
    """Curve and key of a multikey in base58. Raises ValueError for any other value."""
    if not isinstance(text, str) or not text.startswith("z") or len(text) > 128:
        raise ValueError("it is not a multikey in base58")
    data = from_base58(text[1:])
    curve, length = _CODECS.get(data[:2], (None, 0))
    if curve is None:
        raise ValueError("its kind of key is not known")
    if len(data) != length + 2:
        raise ValueError(f"a key of {curve} has {length} bytes")
    return curve, data[2:]
