"""A record of Kafka as an event, or why it is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tocsin.connectors.subscribe.received import Received
from tocsin.connectors.subscribe.wanted import PUBLIC
from tocsin.schemas.errors import Undecodable, UndecodableReason

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from tocsin.schemas.schema_book import SchemaBook

FOR_GROUP = "tocsin.for-group"
"""The header of a dead letter of a subscriber: its group. It stays when the letter is replayed, so that of all
subscribers that group alone gets the event again."""


class Poison(Exception):
    """No event can be made of it, now or later: `reason` is of a closed set, `detail` for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class NotYetReadable(Exception):
    """A newer Tocsin wrote it: its schema must be learned first."""

    def __init__(self, schema_id: int, detail: str) -> None:
        super().__init__(detail)
        self.schema_id = schema_id


def read_record(record: ConsumerRecord, topic: str, book: SchemaBook, replayed: bool = False) -> Received:
    """The event in a record of `topic` (without prefix). Raises Poison or NotYetReadable."""
    from tocsin.connectors.kafka import refusal_of
    from tocsin.schemas.codec import decode

    try:
        event = decode(record.value, book=book)
    except Undecodable as wrong:
        if wrong.reason is UndecodableReason.UNKNOWN_OWN_SCHEMA:
            raise NotYetReadable(int.from_bytes(record.value[1:5], "big"), wrong.detail) from None
        refused = None if record.value else refusal_of(record.headers)
        if refused is not None:
            raise Poison("batch_unreadable", refused) from None
        raise Poison(wrong.reason.value, wrong.detail) from None
    if type(event) not in PUBLIC[topic]:
        raise Poison("wrong_topic", f"{type(event).__name__} on {topic}")
    return Received(
        event=event,
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=record.timestamp * 1000,
        replayed=replayed,
    )


def group_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The group that a record is for; None when it is for everybody."""
    return next(((value or b"").decode("utf-8", "replace") for name, value in headers if name == FOR_GROUP), None)
