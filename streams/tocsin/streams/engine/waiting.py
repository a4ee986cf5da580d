"""What waits in memory for one partition: bounded, so that memory depends on partitions and not on the backlog."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tocsin.streams.engine.record import Record

QUEUED_RECORDS, QUEUED_BYTES = 1000, 2 * 1024 * 1024
"""What may wait before a partition is no longer fetched; one fetch more may come on top."""


class Waiting:
    """Batches in the order in which they were fetched; true while there are any."""

    def __init__(self) -> None:
        self._batches: deque[Sequence[Record]] = deque()
        self._records = self._bytes = 0

    def put(self, batch: Sequence[Record]) -> None:
        """Add a batch of at least one record."""
        self._batches.append(batch)
        self._records += len(batch)
        self._bytes += _bytes_of(batch)

    def take(self) -> Sequence[Record]:
        """All that waits, up to the next hole in the offsets: the busier the partition, the larger its batches."""
        records = list(self._batches.popleft())
        while self._batches and self._batches[0][0].offset == records[-1].offset + 1:
            records += self._batches.popleft()
        self._records = sum(map(len, self._batches))
        self._bytes = sum(map(_bytes_of, self._batches))
        return records

    def clear(self) -> None:
        """Forget all of it; it is read again."""
        self._batches.clear()
        self._records = self._bytes = 0

    def is_full(self) -> bool:
        """Whether nothing more should be fetched."""
        return self._records >= QUEUED_RECORDS or self._bytes >= QUEUED_BYTES

    def __bool__(self) -> bool:
        return bool(self._batches)


def _bytes_of(batch: Sequence[Record]) -> int:
    return sum(len(record.value) if record.value else _headers_of(record) for record in batch)


def _headers_of(record: Record) -> int:
    """A record that stands for a batch which could not be read holds its bytes in a header."""
    return sum(len(value or b"") for _, value in record.headers)
