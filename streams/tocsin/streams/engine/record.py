"""What passes between the engine and a rule set: records in, rows kept, outputs out."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, Protocol

from msgspec import Struct

from tocsin.streams.engine.row_counts import PerScope

Headers = tuple[tuple[str, bytes | None], ...]
"""As Kafka has them: a value may be null."""


class Record(Struct, frozen=True, gc=False):
    """One record as Kafka gave it; `timestamp` is in microseconds since the epoch (the broker's LogAppendTime)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def checksum(record: Record) -> int:
    """CRC-32 over key and value, told apart when either is absent."""
    crc = zlib.crc32(record.key if record.key is not None else b"\xff\x00")
    return zlib.crc32(record.value if record.value is not None else b"\xff\x01", crc)


class Output(Struct, frozen=True, gc=False):
    """One record to produce: `topic` without the prefix, `key` decides the partition.

    `decision` is what observers (metrics) get once it is durable; it never leaves the process.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    decision: Any = None


class Tick(Enum):
    """The event by which timers that are due by the time of its record fire."""

    TICK = "tick"


TICK: Final = Tick.TICK


class Halt(Exception):
    """This partition must not go on until a person has looked; nothing is discarded, other partitions go on."""

    taken = 0
    """How many records before it, in the same batch, may be kept."""
    offset: int | None = None
    """The record that it stands at, when it is one that `tocsin partitions skip` can let go."""


class NotYetReadable(Exception):
    """This record is ours but newer than this process: the partition waits for it, it is not poison."""


class Refused(Exception):
    """This record cannot be decoded, for a reason from a closed set; it goes to `dead` with its bytes."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Rows(Protocol):
    """The rows of one partition, as a rule sees them during one event."""

    def get(self, key: str) -> Any | None:
        """The row, decoded, or None when there is none."""

    def put(self, key: str, row: Any, due: int | None = None) -> None:
        """Keep the row; `due` (microseconds) is when its timer fires, None is no timer."""

    def delete(self, key: str) -> None:
        """Forget the row and its timer."""

    def due(self, key: str) -> int | None:
        """When the row's timer fires (microseconds), or None."""

    def rows_of(self, scope: str) -> int:
        """How many rows there are of a scope, as `RuleSet.per_scope` says whose a row is."""

    def open_of(self, scope: str) -> int:
        """How many of them are open."""


class RuleSet(Protocol):
    """What one stateful agent decides: synchronous, no I/O, no clock."""

    name: str
    input_topic: str
    changelog: str
    row_version: int

    @property
    def per_scope(self) -> PerScope | None:
        """How its rows are counted by scope, if they are."""

    def decode(self, record: Record) -> Any:
        """The event in a record, or TICK; raises `Refused` or `NotYetReadable`."""

    def partition_key(self, event: Any) -> bytes | None:
        """The key whose partition must hold this event, or None when any will do."""

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        """Change rows and return outputs; whatever it raises undoes this event alone."""

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        """The timer of row `key` is due by `now`; same rules as `fold`."""

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        """Nothing at all came from `since` until `until` (microseconds), not even the owner's own heartbeat, while
        timers were pending: Kafka or every worker was down. Called before the record of `until`; same rules as `fold`.
        """

    def released(self, rows: Rows) -> None:
        """These rows are not ours any more: nothing of them may be kept."""

    def counted(self, key: str, data: bytes, now: int) -> tuple[str, int] | None:
        """For the metrics: what kind of thing the encoded row is at `now`, and since when (microseconds); None for
        most. It is asked for every row twice a minute and never raises."""

    def encode_row(self, row: Any) -> bytes:
        """A row as bytes of format `row_version`."""

    def decode_row(self, data: bytes, version: int) -> Any:
        """Bytes of an equal or older format as a row."""

    def tick(self, partition: int, now: int) -> Output:
        """A tick for one input partition (the engine chooses the partition, not the key)."""
