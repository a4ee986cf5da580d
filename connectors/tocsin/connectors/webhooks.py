"""Signatures of webhooks by Standard Webhooks 1.0.0, `v1` (HMAC-SHA256): `sign` for the sender, `verify` for receivers.

Part of the light package (`pip install tocsin`): a receiver needs no extra. The signed content is
`<webhook-id>.<webhook-timestamp>.<body>`, the body being bytes (docs/reliability.md#signatures).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tocsin.schemas.errors import TocsinError

SECRET_PREFIX = "whsec_"
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64
MAX_SIGNATURES = 16
"""How many signatures of one header are looked at: one per current and previous secret, at most 10 old ones."""
TOLERANCE = 300
"""How many seconds a timestamp may lie in the past or the future."""
MICROSECONDS = 1_000_000

Headers = Any
"""The headers of a request, as some framework has them: a mapping, an object with `items`, or pairs."""

_SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_TIMESTAMP = re.compile(r"[0-9]{1,15}")


class RefusalReason(StrEnum):
    """Why a webhook is not to be trusted: a closed set, safe as a metric label."""

    MISSING_HEADER = "missing_header"
    MALFORMED_HEADER = "malformed_header"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    NO_MATCH = "no_match"
    UNUSABLE_SECRET = "unusable_secret"


class SignatureRefused(TocsinError):
    """The webhook is not from who holds the secret, or not from now: answer 401 and do nothing with the body."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Verified(Struct, frozen=True, kw_only=True):
    """What the signature vouches for. `webhook_id` is the same for every attempt of one delivery: absorb repeats by it.
    `sent_at` is the time of the attempt, in microseconds since the epoch."""

    webhook_id: str
    sent_at: int


def sign(webhook_id: str, sent_at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three Standard Webhooks headers; one signature for each secret, so that secrets can be rotated.

    `sent_at` is the time of this attempt in microseconds. Raises ValueError for an id with other characters than
    `A-Za-z0-9_-`, for no secret and for one that is not `whsec_` + base64 of 24 to 64 bytes.
    """
    if not _ID.fullmatch(webhook_id):
        raise ValueError("a webhook id has only letters, digits, _ and -")
    if not secrets:
        raise ValueError("a webhook needs at least one secret")
    timestamp = str(sent_at // MICROSECONDS)
    signatures = [_signature(decode_secret(secret), webhook_id, timestamp, body) for secret in secrets]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def verify(
    body: bytes,
    headers: Headers,
    secrets: Sequence[str],
    *,
    now: int | None = None,
    tolerance: int = TOLERANCE,
) -> Verified:
    """Check the raw body and headers of a received webhook against any of `secrets`.

    `headers` is what the framework has: a mapping (Django, Starlette, aiohttp, WSGI's environ), an object with `items`
    (Flask, the standard library's HTTPMessage), or pairs (ASGI's scope), names in any case, text or bytes.
    `now` is in microseconds (default: the clock), `tolerance` in seconds. Raises SignatureRefused, whatever came in;
    TypeError when the call itself is wrong (swapped arguments, one secret instead of a list of them).
    The body must be the bytes as received: parsing and writing JSON again changes them.
    """
    _check_call(body, headers, secrets)
    webhook_id, timestamp, signatures = _headers(headers)
    sent_at = int(timestamp) * MICROSECONDS
    seconds = ((time.time_ns() // 1000 if now is None else now) - sent_at) / MICROSECONDS
    if seconds > tolerance:
        raise SignatureRefused(RefusalReason.TOO_OLD)
    if seconds < -tolerance:
        raise SignatureRefused(RefusalReason.TOO_NEW)
    for secret in secrets:
        expected = _signature(_usable(secret), webhook_id, timestamp, body).encode()
        # Compared as text, not as decoded bytes: base64 has several spellings of the same bytes.
        if any(hmac.compare_digest(expected, signature) for signature in signatures):
            return Verified(webhook_id=webhook_id, sent_at=sent_at)
    raise SignatureRefused(RefusalReason.NO_MATCH)


def decode_secret(secret: str) -> bytes:
    """The key of a secret `whsec_<base64>`. Raises ValueError, which does not quote the secret."""
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ and base64") from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"a webhook secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
    return key


def _check_call(body: object, headers: object, secrets: object) -> None:
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f"body: the bytes as received, not {type(body).__name__}")
    if isinstance(secrets, str | bytes | Mapping) or not isinstance(secrets, Iterable):
        raise TypeError(f"secrets: a list of secrets, not {type(secrets).__name__}")


def _headers(headers: Headers) -> tuple[str, str, list[bytes]]:
    found: dict[str, str] = {}
    for raw_name, raw_value in _pairs(headers):
        name = _name(raw_name)
        if name in _SIGNED:
            value = raw_value.decode("latin-1") if isinstance(raw_value, bytes) else str(raw_value)
            if found.setdefault(name, value) != value:
                raise SignatureRefused(RefusalReason.MALFORMED_HEADER)  # said twice: which one was signed?
    webhook_id, timestamp, signature = (found.get(name) for name in _SIGNED)
    if not webhook_id or not timestamp or not signature:
        raise SignatureRefused(RefusalReason.MISSING_HEADER)
    if not _ID.fullmatch(webhook_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused(RefusalReason.MALFORMED_HEADER)
    signatures = signature.split(" ", MAX_SIGNATURES)[:MAX_SIGNATURES]
    return webhook_id, timestamp, [each.encode("utf-8", "surrogatepass") for each in signatures]


def _pairs(headers: Headers) -> Iterable[tuple[object, object]]:
    items = getattr(headers, "items", None)
    try:
        return [(name, value) for name, value in (items() if callable(items) else headers)]
    except (TypeError, ValueError):
        kind = type(headers).__name__
        raise TypeError(f"headers: those of the request, a mapping or pairs of name and value, not {kind}") from None


def _name(name: object) -> str:
    """A header's name in small letters, also as WSGI writes it (`HTTP_WEBHOOK_ID`)."""
    text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
    return text.lower().replace("_", "-").removeprefix("http-")


def _usable(secret: str) -> bytes:
    try:
        return decode_secret(secret)
    except ValueError:
        raise SignatureRefused(RefusalReason.UNUSABLE_SECRET) from None


def _signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> str:
    content = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
