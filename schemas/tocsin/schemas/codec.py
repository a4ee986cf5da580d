"""Events to bytes and back: 0x00, the schema id as big-endian uint32, the Avro value (Confluent framing)."""

from __future__ import annotations

from typing import Final, TypeVar

from tocsin.schemas.errors import Undecodable, UndecodableReason, Unencodable, UnencodableReason
from tocsin.schemas.events import Event, EventBase
from tocsin.schemas.lock import OWN_IDS
from tocsin.schemas.resolving import FRAME_BYTES
from tocsin.schemas.schema_book import SchemaBook

MAX_BYTES: Final = 1024 * 1024
"""The largest value of an event, in bytes, frame included (docs/reliability.md#limits)."""

SHIPPED: Final = SchemaBook()
"""The shipped schemas. A process that learns schemas has its own SchemaBook and leaves this one alone."""

SomeEvent = TypeVar("SomeEvent", bound=EventBase)


def encode(event: Event, *, book: SchemaBook = SHIPPED, max_bytes: int = MAX_BYTES) -> bytes:
    """The framed bytes of an event, written with its newest shipped schema. Raises only Unencodable."""
    writer = book.writer(type(event))
    if writer is None:
        raise Unencodable(UnencodableReason.NOT_AN_EVENT, type(event).__name__)
    pieces = [writer.frame]
    try:
        writer.write(event, pieces.append)
        data = b"".join(pieces)
    except Exception as wrong:
        detail = f"{type(event).__name__}: {type(wrong).__name__}: {wrong}"
        raise Unencodable(UnencodableReason.BREAKS_SCHEMA, detail) from wrong
    if len(data) > max_bytes:
        raise Unencodable(UnencodableReason.TOO_LARGE, f"{type(event).__name__}: {len(data)} bytes, limit {max_bytes}")
    return data


def decode(data: bytes | None, *, book: SchemaBook = SHIPPED, max_bytes: int = MAX_BYTES) -> Event:
    """The event in framed bytes, as today's model whatever version wrote it. Raises only Undecodable.

    Reason `unknown_own_schema` means that a newer Tocsin wrote it: wait for its schema, do not dead-letter it.
    """
    schema_id = _framed_schema_id(data, max_bytes)
    assert data is not None
    reader = book.reader(schema_id)
    if reader is None:
        own = schema_id in OWN_IDS
        reason = UndecodableReason.UNKNOWN_OWN_SCHEMA if own else UndecodableReason.UNKNOWN_SCHEMA
        raise Undecodable(reason, f"no schema has the id {schema_id}", schema_id)
    try:
        event, end = reader(data)
    except (IndexError, EOFError) as wrong:
        raise Undecodable(UndecodableReason.TRUNCATED, "the value ends early", schema_id) from wrong
    except Exception as wrong:
        raise Undecodable(UndecodableReason.MALFORMED, f"{type(wrong).__name__}: {wrong}", schema_id) from wrong
    if end > len(data):
        raise Undecodable(UndecodableReason.TRUNCATED, "the value ends early", schema_id)
    if end < len(data):
        raise Undecodable(UndecodableReason.TRAILING_BYTES, f"{len(data) - end} bytes after the value", schema_id)
    return event


def decode_as(
    data: bytes | None, event_type: type[SomeEvent], *, book: SchemaBook = SHIPPED, max_bytes: int = MAX_BYTES
) -> SomeEvent:
    """As `decode`, for a reader that expects one type of event; another one is Undecodable(wrong_type)."""
    event = decode(data, book=book, max_bytes=max_bytes)
    if not isinstance(event, event_type):
        detail = f"{type(event).__name__} where {event_type.__name__} belongs"
        raise Undecodable(UndecodableReason.WRONG_TYPE, detail)
    return event


def _framed_schema_id(data: bytes | None, max_bytes: int) -> int:
    if not data:
        raise Undecodable(UndecodableReason.EMPTY, "no value")
    if len(data) > max_bytes:
        raise Undecodable(UndecodableReason.TOO_LARGE, f"{len(data)} bytes, limit {max_bytes}")
    if data[0] != 0:
        raise Undecodable(UndecodableReason.NOT_FRAMED, f"the first byte is {data[0]:#04x}, not 0x00")
    if len(data) < FRAME_BYTES:
        raise Undecodable(UndecodableReason.TRUNCATED, "the frame ends early")
    return int.from_bytes(data[1:FRAME_BYTES], "big")
