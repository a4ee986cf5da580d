"""Events to bytes and back: 0x00, the schema id as big-endian uint32, the Avro value (Confluent framing)."""

from __future__ import annotations

from typing import Final, TypeVar

from tocsin.schemas.errors import Undecodable, UndecodableReason, Unencodable, UnencodableReason
from tocsin.schemas.events import Event, EventBase
from tocsin.schemas.lock import OWN_IDS
from tocsin.schemas.resolving import FRAME_BYTES
from tocsin.schemas.schema_book import Reader, SchemaBook

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
    read = book.framed.get(data[:FRAME_BYTES]) if data else None  # as of all but the first of each schema
    if read is None or data is None or len(data) > max_bytes:
        read, data = _checked(data, book, max_bytes)
    try:
        event, end = read(data)
    except (IndexError, EOFError) as wrong:
        raise _undecodable(UndecodableReason.TRUNCATED, "the value ends early", data) from wrong
    except Exception as wrong:
        raise _undecodable(UndecodableReason.MALFORMED, f"{type(wrong).__name__}: {wrong}", data) from wrong
    if end > len(data):
        raise _undecodable(UndecodableReason.TRUNCATED, "the value ends early", data)
    if end < len(data):
        raise _undecodable(UndecodableReason.TRAILING_BYTES, f"{len(data) - end} bytes after the value", data)
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


def _checked(data: bytes | None, book: SchemaBook, max_bytes: int) -> tuple[Reader, bytes]:
    """How to read the value, and its bytes. Raises Undecodable."""
    if not data:
        raise Undecodable(UndecodableReason.EMPTY, "no value")
    if len(data) > max_bytes:
        raise Undecodable(UndecodableReason.TOO_LARGE, f"{len(data)} bytes, limit {max_bytes}")
    if data[0] != 0:
        raise Undecodable(UndecodableReason.NOT_FRAMED, f"the first byte is {data[0]:#04x}, not 0x00")
    if len(data) < FRAME_BYTES:
        raise Undecodable(UndecodableReason.TRUNCATED, "the frame ends early")
    schema_id = _schema_id(data)
    read = book.reader(schema_id)
    if read is None:
        own = schema_id in OWN_IDS
        reason = UndecodableReason.UNKNOWN_OWN_SCHEMA if own else UndecodableReason.UNKNOWN_SCHEMA
        raise Undecodable(reason, f"no schema has the id {schema_id}", schema_id)
    return read, data


def _undecodable(reason: UndecodableReason, detail: str, data: bytes) -> Undecodable:
    return Undecodable(reason, detail, _schema_id(data))


def _schema_id(data: bytes) -> int:
    return int.from_bytes(data[1:FRAME_BYTES], "big")
