"""The Kafka headers of an event: CloudEvents 1.0 attributes, binary content mode."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from tocsin.schemas.events import Event

CONTENT_TYPE = b"application/vnd.tocsin.avro"
_CONTENT_TYPE = ("content-type", CONTENT_TYPE)
_VERSION = ("ce_specversion", b"1.0")


def cloud_event_headers(event: Event, source: bytes) -> list[tuple[str, bytes]]:
    """The headers of an event that `source` (a URI reference) publishes; `ce_tenant` is an extension attribute."""
    return [
        _VERSION,
        ("ce_id", event.event_id.encode()),
        _source_of(source),
        _type_of(type(event)),
        ("ce_time", _time_of(event.occurred_at)),
        _tenant_of(event.tenant),
        _CONTENT_TYPE,
    ]


@lru_cache(maxsize=256)
def type_header(kind: type[Event]) -> bytes:
    """The value of the header `ce_type` of events of this kind."""
    return b"io.tocsin." + kind.__name__.encode()


@lru_cache(maxsize=256)
def _type_of(kind: type[Event]) -> tuple[str, bytes]:
    return "ce_type", type_header(kind)


@lru_cache(maxsize=16)
def _source_of(source: bytes) -> tuple[str, bytes]:
    return "ce_source", source


@lru_cache(maxsize=1024)
def _tenant_of(tenant: str) -> tuple[str, bytes]:
    return "ce_tenant", tenant.encode()


@lru_cache(maxsize=16)
def _time_of(micros: int) -> bytes:
    """Remembered: all that follows from one event has one time."""
    return rfc3339(micros).encode()


def rfc3339(micros: int) -> str:
    """Microseconds since the epoch as RFC 3339 UTC; a time beyond the calendar becomes its first or last."""
    return f"{_to_the_second(micros // 1_000_000)}.{micros % 1_000_000:06d}Z"


@lru_cache(maxsize=1024)
def _to_the_second(seconds: int) -> str:
    """Remembered: events of one second come together, and formatting a date costs more than encoding an event."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "0001-01-01T00:00:00" if seconds < 0 else "9999-12-31T23:59:59"
