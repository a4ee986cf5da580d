"""What signs a webhook, and what verifies it: the secrets of Standard Webhooks 1.0.0, of both kinds.

| written | holds | who has it |
| --- | --- | --- |
| `whsec_` + base64 of 24 to 64 bytes | `v1`: one secret of HMAC-SHA256 | sender and receiver |
| `whsk_` + base64 of 32 bytes (64: the public half follows) | `v1a`: the private key of ed25519 | the sender alone |
| `whpk_` + base64 of 32 bytes | `v1a`: its public key, which is no secret | receivers |

`v1` needs no extra; `v1a` needs cryptography (`pip install 'tocsin[ed25519]'`), which is imported when
a key of it is used.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, Protocol

SECRET_PREFIX = "whsec_"
SIGNING_PREFIX = "whsk_"
PUBLIC_PREFIX = "whpk_"
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
NEW_SECRET_BYTES = 32
KEY_BYTES = 32
"""Bytes of an ed25519 key, private or public (RFC 8032)."""
SIGNATURE_LETTERS = 88
"""Letters of base64 of the 64 bytes of an ed25519 signature."""


_LENGTH = f"{MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"
WRITTEN = f"{SECRET_PREFIX} and base64 of {_LENGTH}, or {SIGNING_PREFIX} and base64"
"""What signs, in words for whoever wrote it in another way."""


class Signs(Protocol):
    """Makes one entry of `webhook-signature`."""

    def sign(self, content: bytes) -> str:
        """`v1,...` or `v1a,...` over the signed content."""
        ...


class Verifies(Protocol):
    """Looks for its own among the entries of `webhook-signature`."""

    def matches(self, content: bytes, signatures: Sequence[bytes]) -> bool:
        """Whether one of them is a signature of the content by this key; other versions are skipped."""
        ...


class SharedSecret:
    """`v1`: the same secret signs and verifies."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, content: bytes) -> str:
        return "v1," + base64.b64encode(hmac.digest(self._key, content, "sha256")).decode()

    def matches(self, content: bytes, signatures: Sequence[bytes]) -> bool:
        expected = self.sign(content).encode()
        # Compared as text, not as decoded bytes: base64 has several spellings of the same bytes.
        return any(hmac.compare_digest(expected, signature) for signature in signatures)


class PrivateKey:
    """`v1a`: signs; its `public` half is what receivers are given."""

    def __init__(self, seed: bytes) -> None:
        self._key = _ed25519().Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def sign(self, content: bytes) -> str:
        return "v1a," + base64.b64encode(self._key.sign(content)).decode()


class PublicKey:
    """`v1a`: verifies, and cannot sign."""

    def __init__(self, key: bytes) -> None:
        self._key = _ed25519().Ed25519PublicKey.from_public_bytes(key)

    def matches(self, content: bytes, signatures: Sequence[bytes]) -> bool:
        return any(self._is_by_me(content, signature) for signature in signatures)

    def _is_by_me(self, content: bytes, entry: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature

        version, _, encoded = entry.partition(b",")
        if version != b"v1a" or len(encoded) != SIGNATURE_LETTERS:
            return False
        try:
            signature = base64.b64decode(encoded, validate=True)
            if base64.b64encode(signature) != encoded:
                return False  # one spelling only, as for v1
            self._key.verify(signature, content)
        except (InvalidSignature, ValueError):
            return False
        return True


def signing_key(secret: str) -> Signs:
    """What `whsec_...` or `whsk_...` signs with. Raises ValueError, which does not quote the secret, and
    ModuleNotFoundError for `whsk_` without the extra."""
    if secret.startswith(PUBLIC_PREFIX):
        raise ValueError("a whpk_ is the public key, for receivers; the whsk_ that was made with it signs")
    return _private_key(secret) if secret.startswith(SIGNING_PREFIX) else _shared_secret(secret)


def verifying_key(secret: str) -> Verifies:
    """What `whsec_...` or `whpk_...` verifies with. Raises ValueError, which does not quote the secret, and
    ModuleNotFoundError for `whpk_` without the extra."""
    if secret.startswith(SIGNING_PREFIX):
        raise ValueError("a whsk_ is the private key, for the sender alone; a receiver has the whpk_ made with it")
    if not secret.startswith(PUBLIC_PREFIX):
        return _shared_secret(secret)
    key = _decoded(secret.removeprefix(PUBLIC_PREFIX), "a public key is whpk_ and base64")
    if len(key) != KEY_BYTES:
        raise ValueError(f"a public key (whpk_) has {KEY_BYTES} bytes")
    return PublicKey(key)


def version_of(secret: str) -> str:
    """The version of the signatures that a secret makes, as `webhook-signature` has it."""
    return "v1a" if secret.startswith(SIGNING_PREFIX) else "v1"


def for_receivers(secret: str) -> str:
    """What a receiver is given, of what signs: a `whsec_` as it is, the `whpk_` of a `whsk_`.
    Raises as `signing_key`."""
    key = signing_key(secret)
    return _written(PUBLIC_PREFIX, key.public) if isinstance(key, PrivateKey) else secret


def new_secret() -> str:
    """A fresh `whsec_` of 32 random bytes."""
    return _written(SECRET_PREFIX, secrets.token_bytes(NEW_SECRET_BYTES))


def new_key_pair() -> tuple[str, str]:
    """A fresh `whsk_` for the sender, and its `whpk_` for receivers. Raises ModuleNotFoundError without the extra."""
    private = _written(SIGNING_PREFIX, secrets.token_bytes(KEY_BYTES))
    return private, for_receivers(private)


def _shared_secret(secret: str) -> SharedSecret:
    key = _decoded(secret.removeprefix(SECRET_PREFIX), "a webhook secret is whsec_ and base64")
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"a webhook secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return SharedSecret(key)


def _private_key(secret: str) -> PrivateKey:
    """Of 32 bytes, as the reference library writes it, or of 64, as Svix does: the public half follows."""
    both = _decoded(secret.removeprefix(SIGNING_PREFIX), "a signing key is whsk_ and base64")
    if len(both) not in (KEY_BYTES, 2 * KEY_BYTES):
        raise ValueError(f"a signing key (whsk_) has {KEY_BYTES} bytes, or {2 * KEY_BYTES} with its public half")
    key = PrivateKey(both[:KEY_BYTES])
    if both[KEY_BYTES:] not in (b"", key.public):
        raise ValueError("the public half of this signing key (whsk_) is that of another one")
    return key


def _decoded(encoded: str, expected: str) -> bytes:
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(expected) from None


def _written(prefix: str, key: bytes) -> str:
    return prefix + base64.b64encode(key).decode()


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError:
        missing = "webhooks signed with ed25519 (v1a) need an extra: pip install 'tocsin[ed25519]'"
        raise ModuleNotFoundError(missing, name="cryptography") from None
    return ed25519
