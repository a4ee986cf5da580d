"""What a changelog partition holds, and how it is read back: rows, mark, outbox and owners.

One input batch is one Kafka record batch here, appended whole or not at all. Every record names its owner in a
header; records of an owner that was already replaced are void (docs/architecture.md#ownership).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from msgspec import Struct

from tocsin.streams.engine.dead import RecentDead
from tocsin.streams.engine.mark import Mark
from tocsin.streams.engine.outbox import OutboxRecord, decode_outbox, encode_outbox
from tocsin.streams.engine.record import Headers, Record
from tocsin.streams.engine.rows import RowStore

OWNER_HEADER = "o"
_ROW = b"r"
_ROW_BYTE = _ROW[0]
_MARK = b"m"
_OUTBOX = b"b"
_DEAD = b"d"
_OWNER = b"w"


class Entry(Struct, frozen=True, gc=False):
    """One record to append to a changelog partition."""

    key: bytes
    value: bytes | None


def owner_entry(owner: bytes) -> Entry:
    return Entry(_OWNER, owner)


def row_entry(key: str, row: bytes | None) -> Entry:
    """One row as it is encoded; None is its tombstone."""
    return Entry(_ROW + key.encode(), row)


def stand_entries(mark: Mark | None, outbox: list[OutboxRecord]) -> list[Entry]:
    """Where the partition stands, and what is to be produced."""
    return [Entry(_MARK, None if mark is None else mark.encode()), Entry(_OUTBOX, encode_outbox(outbox))]


def batch_entries(
    rows: RowStore, extra_keys: Collection[str], mark: Mark | None, outbox: list[OutboxRecord]
) -> list[Entry]:
    """The changed rows (and `extra_keys`, rewritten), the mark and the outbox, in one list for one record batch."""
    changed = [row_entry(key, data) for key, data in rows.changed()]
    written = {entry.key for entry in changed} if extra_keys else ()
    again = [entry for key in extra_keys if (entry := row_entry(key, rows.encoded(key))).key not in written]
    return [*changed, *again, *stand_entries(mark, outbox)]


def recent_dead_entry(recent: RecentDead) -> Entry:
    """The offsets of the recent dead letters; written while there are any, and once more when there are none left."""
    return Entry(_DEAD, recent.encode())


def owner_of(record: Record) -> bytes | None:
    """The owner that a changelog record names, or None for a record that no owner of ours wrote."""
    for name, value in record.headers:
        if name == OWNER_HEADER:
            return value
    return None


def is_owner_record(record: Record) -> bool:
    return record.key == _OWNER


def row_key(record: Record) -> str | None:
    """The row's key, or None when the record is not a row."""
    if record.key is None or not record.key.startswith(_ROW):
        return None
    return record.key[1:].decode("utf-8", "replace")


@dataclass(slots=True)
class Replay:
    """Folds changelog records, oldest first, into rows, mark and outbox; keeps the keys that a void record touched.

    Compaction keeps only the newest owner record. Records before the first owner record seen are therefore taken as
    valid: their owners found and rewrote every void record long before compaction may touch it
    (`min.compaction.lag.ms`, 15 minutes).
    """

    rows: RowStore
    owner: bytes | None = None
    mark: Mark | None = None
    outbox: list[OutboxRecord] = field(default_factory=list)
    recent_dead: RecentDead = field(default_factory=RecentDead)
    void_keys: set[str] = field(default_factory=set)
    void_records: int = 0
    _valid: Headers | None = None
    """The headers of the last record that was no void one: nearly always those of the next one, too."""

    def read(self, record: Record) -> None:
        key = record.key
        if record.headers == self._valid and key and key[0] == _ROW_BYTE:
            name = key[1:].decode("utf-8", "replace")
            self.rows.load(name, record.value)
            if self.void_keys:
                self.void_keys.discard(name)
            return
        owner = owner_of(record)
        if is_owner_record(record):
            if owner is not None and record.value == owner:
                self.owner, self._valid = owner, None
        elif owner is None or (self.owner is not None and owner != self.owner):
            self._void(record)
        else:
            self._valid = record.headers
            if row_key(record) is None:
                self._apply(record)
            else:
                self.read(record)

    def _void(self, record: Record) -> None:
        self.void_records += 1
        key = row_key(record)
        if key is not None:
            self.void_keys.add(key)

    def _apply(self, record: Record) -> None:
        if record.key == _MARK:
            self.mark = None if record.value is None else Mark.decode(record.value)
        elif record.key == _OUTBOX and record.value is not None:
            self.outbox = decode_outbox(record.value)
        elif record.key == _DEAD:
            self.recent_dead = RecentDead.decode(record.value)
