"""Dead letters of records (what one is made of: connectors.kafka.dead_letters); and how many are too many."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tocsin.connectors.kafka import CONNECT_PREFIX, CUT_HEADER, REASON_HEADER, dead_headers, within_bounds
from tocsin.streams.engine.record import Halt, Output, Record, checksum
from tocsin.streams.topology import KIB, RECORD_LIMIT

DEAD_TOPIC = "dead"
NOT_A_PROBLEM, GATEWAY_STAGE = "not_a_problem", "gateway"
"""The reason and the stage of what the gateway took and is no problem: it holds no record of ours."""

LARGEST_LETTER = RECORD_LIMIT + 64 * KIB
"""Bytes of key, value and headers up to which a dead letter is whole: more than an input topic takes. One batch's rows
and outputs have room for it (`topology.LARGEST_BATCH`)."""
KEPT_OF_REFUSED = 256 * KIB
"""Bytes up to which an output is whole in the dead letter that stands for it, where its topic refused it: `dead` may
take no more than that topic."""

_FORMAT = 1


BATCH_UNREADABLE = "batch_unreadable"
"""The reason of the record that stands for a batch which is broken, or would inflate to too much."""
SKIPPED, UNWRITABLE_RECORD = "skipped", "unwritable"
"""The reasons of a record that was let go because a person asked for it, and because it could not be written down."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The record at `offset` is to be a dead letter as it stands. `why` says who asked for it, or, when nobody did
    (`asked`), what is wrong with it: then it counts for the limit of dead letters."""

    offset: int
    why: str
    asked: bool = True
    crc: int | None = None
    """The checksum of that record's key and value, when it is known: the topic may have been made again."""

    def means(self, record: Record) -> bool:
        """Whether this is the record."""
        return self.offset == record.offset and self.crc in (None, checksum(record))


@dataclass(frozen=True, slots=True)
class DeadLetterLimit:
    """A partition halts rather than dead-letter more than `dead` of its last `of` records: one bad release must not
    drain a topic into `dead`. With `dead` of at least `of` there is no limit, but for timers that fail together."""

    dead: int = 100
    of: int = 1000


class DeadLetterLimitReached(Halt):
    """One dead letter more than DeadLetterLimit allows."""

    def __init__(self, limit: DeadLetterLimit, record: Record, reason: str, detail: str) -> None:
        super().__init__(
            f"{limit.dead} dead letters among the last {limit.of} records; not dead-lettered and still in the topic: "
            f"{record.topic}/{record.partition}@{record.offset} ({reason}: {detail})"
        )


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
    record: Record,
    stage: str,
    reason: str,
    detail: str = "",
    *,
    key: bytes | None = None,
    value: bytes | None = None,
    kept: int = LARGEST_LETTER,
) -> Output:
    """A record for `dead`: key, value and headers of the original (or those given), then why and where from. One that
    is larger than `kept` bytes, by default than any record of an input topic may be, is cut and says so."""
    key, value = record.key if key is None else key, record.value if value is None else value
    key, value, headers = within_bounds(key, value, record.headers, kept)
    why = dead_headers(record.topic, record.partition, record.offset, stage, reason, detail)
    return Output(DEAD_TOPIC, key, value, (*headers, *why))


__all__ = [
    "BATCH_UNREADABLE",
    "CONNECT_PREFIX",
    "CUT_HEADER",
    "DEAD_TOPIC",
    "GATEWAY_STAGE",
    "KEPT_OF_REFUSED",
    "LARGEST_LETTER",
    "NOT_A_PROBLEM",
    "REASON_HEADER",
    "SKIPPED",
    "UNWRITABLE_RECORD",
    "DeadLetterLimit",
    "DeadLetterLimitReached",
    "RecentDead",
    "Skip",
    "dead_headers",
    "dead_letter",
]
