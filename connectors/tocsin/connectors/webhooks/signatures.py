"""Signatures of webhooks by Standard Webhooks 1.0.0: `sign` and `Signer` for the sender, `verify` for receivers.

The signed content is `<webhook-id>.<webhook-timestamp>.<body>`, the body being bytes. `webhook-signature` has an
entry for each secret, `v1` (HMAC-SHA256) or `v1a` (ed25519), so that either kind can be rotated
(docs/reliability.md#signatures).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tocsin.connectors.webhooks.keys import Verifies, signing_key, verifying_key
from tocsin.schemas.errors import TocsinError

MAX_SIGNATURES = 16
"""How many entries of one header are looked at: one per current and previous secret, at most 10 old ones."""
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
    """The webhook is not from who holds the secret, or not from now: answer 401 and do nothing with the body.

    `reason` is one of a closed set; `detail` says more where the fault is on this side (a secret that is none).
    """

    def __init__(self, reason: RefusalReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class Verified(Struct, frozen=True, kw_only=True):
    """What the signature vouches for. `webhook_id` is the same for every attempt of one delivery: absorb repeats by it.
    `sent_at` is the time of the attempt, in microseconds since the epoch."""

    webhook_id: str
    sent_at: int


class Signer:
    """Signs with each of its secrets (`whsec_`, `whsk_`); what it needs of them is made once.

    Raises ValueError for no secret and for one that cannot sign, and ModuleNotFoundError for `whsk_` without the extra
    `ed25519`; neither quotes a secret.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("a webhook needs at least one secret")
        self._keys = [signing_key(secret) for secret in secrets]

    def sign(self, webhook_id: str, sent_at: int, body: bytes) -> dict[str, str]:
        """The three Standard Webhooks headers. `sent_at` is the time of this attempt in microseconds. Raises ValueError
        for an id with other characters than `A-Za-z0-9_-`."""
        if not _ID.fullmatch(webhook_id):
            raise ValueError("a webhook id has only letters, digits, _ and -")
        timestamp = str(sent_at // MICROSECONDS)
        content = _content(webhook_id, timestamp, body)
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(key.sign(content) for key in self._keys),
        }


def sign(webhook_id: str, sent_at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of one webhook, as `Signer` makes them."""
    return Signer(secrets).sign(webhook_id, sent_at, body)


def verify(
    body: bytes,
    headers: Headers,
    secrets: Sequence[str],
    *,
    now: int | None = None,
    tolerance: int = TOLERANCE,
) -> Verified:
    """Check the raw body and headers of a received webhook against any of `secrets`: `whsec_` for v1, `whpk_` for v1a.

    `headers` is what the framework has: a mapping (Django, Starlette, aiohttp, WSGI's environ), an object with `items`
    (Flask, the standard library's HTTPMessage), or pairs (ASGI's scope), names in any case, text or bytes.
    `now` is in microseconds (default: the clock), `tolerance` in seconds. Raises SignatureRefused, whatever came in;
    TypeError when the call itself is wrong (swapped arguments, one secret instead of a list of them), and
    ModuleNotFoundError when a `whpk_` is to be tried and the extra `ed25519` is not installed (what stands before
    it in `secrets` is tried first).
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
    content = _content(webhook_id, timestamp, body)
    for secret in secrets:
        if _usable(secret).matches(content, signatures):
            return Verified(webhook_id=webhook_id, sent_at=sent_at)
    raise SignatureRefused(RefusalReason.NO_MATCH)


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


def _usable(secret: str) -> Verifies:
    if not isinstance(secret, str):
        raise TypeError(f"secrets: each is a text, not {type(secret).__name__}")
    try:
        return verifying_key(secret)
    except ValueError as error:
        raise SignatureRefused(RefusalReason.UNUSABLE_SECRET, str(error)) from None


def _content(webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{webhook_id}.{timestamp}.".encode() + bytes(body)  # a memoryview may have gaps
