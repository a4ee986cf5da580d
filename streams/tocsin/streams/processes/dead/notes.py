"""Notes in `dead`: records that are no letters, and say of letters before them that they were replayed or purged.

A note stands in the partition of its letters, behind them. Its header names them: `3:17`, or `3:17-25,3:30` for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from aiokafka import ConsumerRecord

from tocsin.connectors.kafka.dead_letters import PURGED_OF, REPLAYED_OF, is_note
from tocsin.streams.processes.dead.offsets import ranges_of

__all__ = ["PURGED_OF", "REPLAYED_OF", "is_note", "noted", "notes_of"]

RANGES = 1000
"""The most ranges that one note names."""

_RANGE = re.compile(r"(?:([0-9]{1,9}):)?([0-9]{1,18})(?:-([0-9]{1,18}))?")


def noted(record: ConsumerRecord, kind: str) -> Iterator[tuple[int, int]]:
    """The offsets, as ranges (first, behind the last) in the record's own partition, that a note is of. What is no such
    range, or of another partition, is left out: whoever may write to Kafka may write a note."""
    for name, value in record.headers:
        if name != kind:
            continue
        for part in (value or b"").decode("ascii", "replace").split(","):
            found = _RANGE.fullmatch(part)
            if found and int(found[1] or record.partition) == record.partition:
                yield int(found[2]), int(found[3] or found[2]) + 1


def notes_of(kind: str, partition: int, offsets: Iterable[int], by: str) -> Iterator[list[tuple[str, bytes]]]:
    """The headers of as few notes as say this of the letters at these ascending offsets, and who wanted it."""
    who = ("tocsin.by", by.encode("utf-8", "replace"))
    texts: list[str] = []
    for first, last in ranges_of(offsets):
        texts.append(f"{partition}:{first}" if first == last else f"{partition}:{first}-{last}")
        if len(texts) == RANGES:
            yield [(kind, ",".join(texts).encode()), who]
            texts = []
    if texts:
        yield [(kind, ",".join(texts).encode()), who]
