"""Dead letters as a person sees them, and the record that a replay writes."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from aiokafka import ConsumerRecord
from msgspec import Struct

from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.engine.dead import CONNECT_PREFIX, REASON_HEADER

REPLAYED_OF = "tocsin.replayed-of"
OWN = (CONNECT_PREFIX, REASON_HEADER, "tocsin.attempts")
"""Headers that were added when the record died: a replayed record goes without them."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One record of `dead`. `id` is `partition:offset` within `dead`; `event_id` is empty when it is no event.
    `replayed`: it has been replayed, which `letter_of` alone cannot know."""

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
    replayed: bool = False


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
        reason=headers.get(REASON_HEADER, "unknown"),
        stage=headers.get(CONNECT_PREFIX + "stage", ""),
        topic=headers.get(CONNECT_PREFIX + "topic", ""),
        partition=headers.get(CONNECT_PREFIX + "partition", ""),
        offset=headers.get(CONNECT_PREFIX + "offset", ""),
        detail=headers.get(CONNECT_PREFIX + "exception.message", ""),
        type=kind,
        event_id=event_id,
        bytes=len(record.value or b""),
    )


def replayed_of(record: ConsumerRecord) -> str | None:
    """The id of the letter that was replayed, when this record of `dead` is no letter but the note of a replay."""
    return next((value.decode("utf-8", "replace") for name, value in record.headers if name == REPLAYED_OF), None)


def replay_note(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The headers of the record of `dead`, beside the letter, which notes that it was replayed."""
    return [(REPLAYED_OF, letter.id.encode())]


def why_not_replayable(record: ConsumerRecord, letter: DeadLetter, topics: Collection[str]) -> str | None:
    """Why writing this letter to its topic again would help nobody, or None; `topics` are the ones it may be from."""
    if letter.stage == "timer":
        return "it holds the row of a timer that failed, not a record"
    if letter.stage == "input" or record.value is None:
        return "it reports something and holds no record"
    if letter.topic not in topics:
        return "it does not say which of our topics it came from"
    return None


def original_headers(record: ConsumerRecord) -> list[tuple[str, bytes]]:
    """The headers that the record had before it died."""
    return [(name, value) for name, value in record.headers if not name.startswith(OWN)]
