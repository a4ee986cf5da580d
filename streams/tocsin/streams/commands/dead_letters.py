"""Dead letters as a person sees them, and the record that a replay writes."""

from __future__ import annotations

from datetime import UTC, datetime

from aiokafka import ConsumerRecord
from msgspec import Struct

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable

PREFIX = "__connect.errors."
OWN = (PREFIX, "tocsin.reason", "tocsin.attempts")
"""Headers that were added when the record died: a replayed record goes without them."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One record of `dead`. `id` is `partition:offset` within `dead`; `event_id` is empty when it is no event."""

    id: str
    time: str
    reason: str
    stage: str
    topic: str
    partition: str
    offset: str
    detail: str
    type: str
    event_id: str
    bytes: int


def letter_of(record: ConsumerRecord) -> DeadLetter:
    """What is known of a dead record. Total: headers may be missing or not text."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    try:
        event = decode(record.value)
        kind, event_id = type(event).__name__, event.event_id
    except Undecodable:
        kind, event_id = "", ""
    return DeadLetter(
        id=f"{record.partition}:{record.offset}",
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds"),
        reason=headers.get("tocsin.reason", "unknown"),
        stage=headers.get(PREFIX + "stage", ""),
        topic=headers.get(PREFIX + "topic", ""),
        partition=headers.get(PREFIX + "partition", ""),
        offset=headers.get(PREFIX + "offset", ""),
        detail=headers.get(PREFIX + "exception.message", ""),
        type=kind,
        event_id=event_id,
        bytes=len(record.value or b""),
    )


def original_headers(record: ConsumerRecord) -> list[tuple[str, bytes]]:
    """The headers that the record had before it died."""
    return [(name, value) for name, value in record.headers if not name.startswith(OWN)]
