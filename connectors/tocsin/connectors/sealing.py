"""Secrets sealed for Kafka: AES-256-GCM (NIST SP 800-38D) under keys that only the bus's own processes have.

A sealed text is `s1.<id of the key>.<base64url of nonce, ciphertext and tag>`. What it is about (a tenant and a name)
is authenticated with it: cut out and put elsewhere it does not open. The first key seals, any of them opens: a new key
is put before the old one, which may go when nothing is sealed with it any more.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Sequence
from typing import Any

from tocsin.connectors.kafka_security import SecurityUnusable, secret_of
from tocsin.schemas.errors import TocsinError

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = "s1"

_SEPARATORS = re.compile(r"[\s,]+")


class SealKeyUnusable(TocsinError):
    """TOCSIN_SEAL_KEY names no usable key; the message never has a key in it. Exit code 78."""

    exit_code = 78


class Unsealable(TocsinError):
    """A sealed text does not open here: with a key that is not here, changed, or about something else."""


class SealKeys:
    """The keys of a bus: the first seals, any of them opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Raises SealKeyUnusable for no key, or one that has not 32 bytes."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise SealKeyUnusable(f"a seal key has {KEY_BYTES} bytes: make one with `openssl rand -base64 32`")
        self._keys = {_id_of(key): key for key in reversed(keys)}
        self._first = _id_of(keys[0])

    def seal(self, plain: bytes, about: str) -> str:
        """`plain` sealed under the first key; twice the same gives two texts."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = _cipher(self._keys[self._first]).encrypt(nonce, plain, about.encode())
        return f"{VERSION}.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def unseal(self, sealed: str, about: str) -> bytes:
        """What was sealed about this. Raises Unsealable, whatever is given."""
        version, _, rest = sealed.partition(".")
        ident, _, text = rest.partition(".")
        if version != VERSION:
            raise Unsealable("it is not sealed as we seal")
        if ident not in self._keys:
            raise Unsealable(f"it is sealed with the key {ident[:8]!r}, which is not among those of TOCSIN_SEAL_KEY")
        from cryptography.exceptions import InvalidTag

        try:
            data = base64.b64decode(text, altchars=b"-_", validate=True)
            return bytes(_cipher(self._keys[ident]).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], about.encode()))
        except (InvalidTag, binascii.Error, ValueError):
            raise Unsealable("it was changed, or is about something else") from None

    def __repr__(self) -> str:
        return f"SealKeys({len(self._keys)} keys)"


def seal_keys_of(given: str | None) -> SealKeys | None:
    """The keys that a setting names: `env:NAME`, `file:PATH` or themselves, each base64 of 32 bytes, separated by
    commas or white space, the newest first. None for None. Raises SealKeyUnusable."""
    if given is None:
        return None
    try:
        text = secret_of(given, "seal key")
    except SecurityUnusable as unusable:
        raise SealKeyUnusable(f"TOCSIN_SEAL_KEY: {str(unusable).replace(' for Kafka', '')}") from None
    return SealKeys([_decoded(one) for one in _SEPARATORS.split(text.strip())])


def new_seal_key() -> str:
    """A key as the setting takes it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SealKeyUnusable(
            "TOCSIN_SEAL_KEY: a key is base64 of 32 bytes (`openssl rand -base64 32`); several are separated by "
            "commas, the newest first"
        ) from None


def _id_of(key: bytes) -> str:
    """Which key it is, without saying what it is."""
    return hashlib.sha256(b"tocsin seal key id\0" + key).hexdigest()[:8]


def _cipher(key: bytes) -> Any:
    # Not at the top: only processes that hold secrets need the library.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
