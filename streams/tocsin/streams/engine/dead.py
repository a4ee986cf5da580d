"""Dead letters: the original bytes, with headers that a user of Kafka Connect knows."""

from __future__ import annotations

from tocsin.streams.engine.record import Output, Record

DEAD_TOPIC = "dead"
REASON_HEADER = "tocsin.reason"
CONNECT_PREFIX = "__connect.errors."
"""What the names of Kafka Connect's error headers begin with."""


def dead_letter(
    record: Record, stage: str, reason: str, detail: str = "", *, key: bytes | None = None, value: bytes | None = None
) -> Output:
    """A record for `dead`: key, value and headers of the original (or those given), then why and where from."""
    return Output(
        DEAD_TOPIC,
        record.key if key is None else key,
        record.value if value is None else value,
        (*record.headers, *dead_headers(record.topic, record.partition, record.offset, stage, reason, detail)),
    )


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
