"""What a dead letter is made of: the original bytes, within bounds, with headers that a user of Kafka Connect knows."""

from __future__ import annotations

import hashlib

from aiokafka import ConsumerRecord

Headers = tuple[tuple[str, bytes | None], ...]
"""As Kafka has them: a value may be null."""

REASON_HEADER = "tocsin.reason"
CONNECT_PREFIX = "__connect.errors."
"""What the names of Kafka Connect's error headers begin with."""
CUT_HEADER = "tocsin.cut"
"""On a letter that is not whole: which parts were cut, with the bytes and the SHA-256 of each as it was."""

REPLAYED_OF, PURGED_OF = "tocsin.replayed-of", "tocsin.purged-of"
"""The headers of a record of `dead` that is no letter, but a note of letters before it."""

KEPT_OF_VALUE, KEPT_OF_KEY, KEPT_OF_HEADERS = 1024 * 1024, 4 * 1024, 64 * 1024
"""Bytes that are kept of each part of a larger one."""


def is_note(record: ConsumerRecord) -> bool:
    """Whether this record of `dead` is no letter."""
    return any(name in (REPLAYED_OF, PURGED_OF) for name, _ in record.headers)


def within_bounds(
    key: bytes | None, value: bytes | None, headers: Headers, kept: int
) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers whole, or each with its first bytes and a header that names what was cut."""
    of_headers = sum(_header_bytes(name, text) for name, text in headers)
    if len(key or b"") + len(value or b"") + of_headers <= kept:
        return key, value, headers
    cut = []
    if key is not None and len(key) > KEPT_OF_KEY:
        cut.append(_described("key", key))
        key = key[:KEPT_OF_KEY]
    of_value = min(KEPT_OF_VALUE, kept // 2)
    if value is not None and len(value) > of_value:
        cut.append(_described("value", value))
        value = value[:of_value]
    if of_headers > KEPT_OF_HEADERS:
        whole = b"".join(name.encode("utf-8", "replace") + b"\0" + (text or b"") + b"\0" for name, text in headers)
        cut.append(_described(f"headers ({len(headers)})", whole))
        headers = _first_of(headers)
    return key, value, (*headers, (CUT_HEADER, "; ".join(cut).encode()))


def _described(part: str, data: bytes) -> str:
    return f"{part}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


def _header_bytes(name: str, value: bytes | None) -> int:
    return len(name.encode("utf-8", "replace")) + len(value or b"") + 16


def _first_of(headers: Headers) -> Headers:
    """The headers, in their order, that fit together into what is kept of them."""
    kept, room = [], KEPT_OF_HEADERS
    for name, value in headers:
        room -= _header_bytes(name, value)
        if room < 0:
            break
        kept.append((name, value))
    return tuple(kept)


def dead_headers(
    topic: str, partition: int, offset: int, stage: str, reason: str, detail: str
) -> tuple[tuple[str, bytes], ...]:
    """The headers that say where a dead record stood, in which stage it failed, and why."""
    found = (
        (CONNECT_PREFIX + "topic", topic),
        (CONNECT_PREFIX + "partition", str(partition)),
        (CONNECT_PREFIX + "offset", str(offset)),
        (CONNECT_PREFIX + "stage", stage),
        (CONNECT_PREFIX + "exception.class.name", reason),
        (CONNECT_PREFIX + "exception.message", detail[:2000]),
        (REASON_HEADER, reason),
    )
    return tuple((name, text.encode("utf-8", "replace")) for name, text in found)
