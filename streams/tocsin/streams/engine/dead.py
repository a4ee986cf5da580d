"""Dead letters: the original bytes, with headers that a user of Kafka Connect knows; and how many are too many."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.streams.engine.record import Halt, Output, Record

DEAD_TOPIC = "dead"
REASON_HEADER = "tocsin.reason"
NOT_A_PROBLEM, GATEWAY_STAGE = "not_a_problem", "gateway"
"""The reason and the stage of what the gateway took and is no problem: it holds no record of ours."""
CONNECT_PREFIX = "__connect.errors."
"""What the names of Kafka Connect's error headers begin with."""


_FORMAT = 1


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """A partition halts rather than dead-letter more than `dead` of its last `of` records: one bad release must not
    drain a topic into `dead`. With `dead` of at least `of` there is no limit, but for timers that fail together."""

    dead: int = 100
    of: int = 1000


class DeadLetterLimitReached(Halt):
    """One dead letter more than DeadLetterLimit allows; `taken` records before it, in the same batch, may be kept."""

    def __init__(self, limit: DeadLetterLimit, record: Record, reason: str, detail: str, taken: int) -> None:
        super().__init__(
            f"{limit.dead} dead letters among the last {limit.of} records; not dead-lettered and still in the topic: "
            f"{record.topic}/{record.partition}@{record.offset} ({reason}: {detail})"
        )
        self.taken = taken


class RecentDead:
    """The offsets of a partition's recent dead letters. By offset, not by batch, and kept in the changelog beside the
    mark: so the count is the same however the input was cut into batches, and a restart does not begin a new one."""

    __slots__ = ("_offsets",)

    def __init__(self, offsets: Iterable[int] = ()) -> None:
        self._offsets = deque(offsets)

    def add(self, offset: int, limit: DeadLetterLimit) -> bool:
        """Count one dead letter of the record at `offset`; False, and not counted, when it is one too many."""
        self.forget(offset, limit)
        if len(self._offsets) >= limit.dead:
            return False
        self._offsets.append(offset)
        return True

    def forget(self, offset: int, limit: DeadLetterLimit) -> None:
        """The input stands at `offset`: what is no longer among the last `limit.of` records counts no more."""
        while self._offsets and self._offsets[0] <= offset - limit.of:
            self._offsets.popleft()

    def copy(self) -> RecentDead:
        """The same, to go on with."""
        return RecentDead(self._offsets)

    def __len__(self) -> int:
        return len(self._offsets)

    def encode(self) -> bytes | None:
        """Bytes for the changelog; None (a tombstone) when there are none."""
        if not self._offsets:
            return None
        return struct.pack(f">B{len(self._offsets)}q", _FORMAT, *self._offsets)

    @classmethod
    def decode(cls, data: bytes | None) -> RecentDead:
        """Raises Halt for the format of a later release."""
        if not data:
            return cls()
        if data[0] > _FORMAT:
            raise Halt(f"dead letter count format {data[0]}, this process reads up to {_FORMAT}")
        return cls(struct.unpack(f">{(len(data) - 1) // 8}q", data[1:]))


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
