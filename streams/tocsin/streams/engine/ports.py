"""What the write order needs from the outside world: a log. Kafka in production, a simulated log in tests.

Every method may raise `LogUnavailable`; the partition then throws its memory away and recovers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from tocsin.streams.engine.changelog import Entry
from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.record import Output, Record


class LogUnavailable(Exception):
    """A read or write failed or its outcome is unknown."""

    unsaid: Sequence[OutboxRecord] | None = None
    """Of a failed `produce`: the outputs that are not known to be acknowledged; None: all."""


class Unwritable(Exception):
    """What is to be written cannot be, however well Kafka is: it fits no batch, or is no bytes."""

    sought = False
    """Whether the record at fault is being looked for."""


class Log(Protocol):
    """One worker's access to Kafka, shared by its partitions."""

    async def append(self, topic: str, partition: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
        """Append one record batch, whole or not at all; its first offset, or None when Kafka did not tell.

        Every record carries `owner` in its header. Idempotent producer, acks=all. Raises Unwritable too.
        """

    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        """Produce these bytes in this order per partition; returns when all are acknowledged (acks=all).

        Nothing is produced when one of the topics is missing. A record that its topic refuses for good (its size) is
        replaced by a dead letter.
        """

    async def produce_tick(self, partition: int, tick: Output) -> None:
        """Append a tick to one input partition; returns when acknowledged."""

    def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        """Every record from offset `start` up to, not including, `end`; raises when `start` is not there any more."""

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that the partition still holds, and the next that it will give."""

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        """The record at exactly this offset, or None when there is none (any more)."""

    async def skip_asked(self, partition: int) -> Skip | None:
        """The record of this input partition that a person last asked to let go, or None (`engine/skips.py`)."""

    def partition_for(self, topic: str, key: bytes) -> int | None:
        """The partition that Kafka's default partitioner (murmur2) gives a key; None when the topic is unknown."""


class WorkerLog(Log, Protocol):
    """A log with the life of its connections; one per rule set and worker."""

    async def start(self) -> None:
        """Connect; raises when Kafka does not answer."""

    async def stop(self) -> None:
        """Close the connections."""

    async def know_topics(self, topics: Sequence[str]) -> list[str]:
        """Learn about these topics (with prefix); returns those that do not exist."""
