"""The Kafka headers of an event: CloudEvents 1.0 attributes, binary content mode (DESIGN 4)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from tocsin.schemas.events import Event

CONTENT_TYPE = b"application/vnd.tocsin.avro"


def cloud_event_headers(event: Event, source: bytes) -> list[tuple[str, bytes]]:
    """The headers of an event that `source` (a URI reference) publishes; `ce_tenant` is an extension attribute."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_source", source),
        ("ce_type", b"io.tocsin." + type(event).__name__.encode()),
        ("ce_time", rfc3339(event.occurred_at).encode()),
        ("ce_tenant", event.tenant.encode()),
        ("content-type", CONTENT_TYPE),
    ]


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
