"""The rows of one partition and their timers: encoded in memory, decoded on demand, undone event by event."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any

from msgspec import Struct

from tocsin.streams.engine.record import Halt
from tocsin.streams.engine.row_counts import PerScope, RowCounts

_LAYOUT = struct.Struct(">BBBq")
_ENVELOPE = _LAYOUT.size
_FORMAT = 1
_DELETED = 1
_TIMER_FAILED = 2
_NO_TIMER = -1

TOMBSTONE_AFTER = 3600 * 1_000_000
"""Microseconds between a deletion and its real tombstone, so that no reader of the changelog misses it."""

SPARE_TIMERS = 10_000
"""Entries of the heap, over twice the rows, up to which those that no row carries any more are left there."""


class RowFormatNewer(Halt):
    """A row was written by a newer version of us: the partition halts, the row is never discarded."""


class StoredRow(Struct, frozen=True, gc=False):
    """A row as it stands in memory and in the changelog: rule bytes, their format, the timer, the flags.

    Not known to the garbage collector: a million of them would make each of its full rounds take a second.
    """

    payload: bytes
    version: int
    due: int | None = None
    deleted: bool = False
    timer_failed: bool = False

    def encode(self) -> bytes:
        flags = (_DELETED if self.deleted else 0) | (_TIMER_FAILED if self.timer_failed else 0)
        return _LAYOUT.pack(_FORMAT, self.version, flags, _NO_TIMER if self.due is None else self.due) + self.payload

    @classmethod
    def decode(cls, data: bytes) -> StoredRow:
        """Raises RowFormatNewer for an envelope of a later release."""
        envelope, version, flags, due = _LAYOUT.unpack_from(data)
        if envelope > _FORMAT:
            raise RowFormatNewer(f"row envelope format {envelope}, this process reads up to {_FORMAT}")
        payload, timer = data[_ENVELOPE:], None if due == _NO_TIMER else due
        if not flags:  # as of nearly all: a million of them are read at once when a partition is taken over
            return cls(payload, version, timer)
        return cls(payload, version, timer, bool(flags & _DELETED), bool(flags & _TIMER_FAILED))


class TimerHeap:
    """Due times by row key. Entries are checked against the row when popped, so a changed row needs no removal.

    Times are microseconds since the epoch.
    """

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []

    def set(self, key: str, due: int) -> None:
        heappush(self._heap, (due, key))

    def rebuild(self, entries: Iterable[tuple[int, str]]) -> None:
        """Hold exactly these (due, key): what rows no longer carry goes."""
        self._heap = list(entries)
        heapify(self._heap)

    def head(self, due_of: Callable[[str], int | None]) -> int | None:
        """The earliest due time that a row still carries, or None."""
        heap = self._heap
        while heap:
            due, key = heap[0]
            if due_of(key) == due:
                return due
            heappop(heap)
        return None

    def pop_due(self, now: int, due_of: Callable[[str], int | None]) -> str | None:
        """Take the key of the earliest timer due by `now`, or None; never one that lies in the future."""
        head = self.head(due_of)
        if head is None or head > now:
            return None
        return heappop(self._heap)[1]

    def __len__(self) -> int:
        return len(self._heap)


class RowStore:
    """All rows of a partition, with the keys changed since the last write and what they were before.

    `encode` and `decode` come from the rule set. A row is decoded at each `get`: keeping decoded rows was measured and
    gains nothing, because most of them are put again before they are next read. `counts` by scope
    are kept with `per_scope` only.
    """

    def __init__(
        self,
        encode: Callable[[Any], bytes],
        decode: Callable[[bytes, int], Any],
        version: int,
        per_scope: PerScope | None = None,
    ) -> None:
        self._encode = encode
        self._decode = decode
        self._version = version
        self._rows: dict[str, StoredRow] = {}
        self._before_batch: dict[str, StoredRow | None] = {}
        self._before_event: dict[str, StoredRow | None] = {}
        self.timers = TimerHeap()
        self.counts = None if per_scope is None else RowCounts(per_scope)
        self.size_changed = 0
        self._size_before_event = 0
        self._purge_at = TOMBSTONE_AFTER

    def get(self, key: str) -> Any | None:
        stored = self._rows.get(key)
        if stored is None or stored.deleted:
            return None
        return self._decode(stored.payload, stored.version)

    def put(self, key: str, row: Any, due: int | None = None) -> None:
        self._set(key, StoredRow(self._encode(row), self._version, due))
        if self.counts is not None and key.startswith(self.counts.prefix):
            self.counts.note(key, row)

    def delete(self, key: str) -> None:
        stored = self._rows.get(key)
        if stored is not None and not stored.deleted:
            self._set(key, StoredRow(b"", self._version, self._purge_at, deleted=True))

    def due(self, key: str) -> int | None:
        stored = self._rows.get(key)
        return None if stored is None or stored.deleted else stored.due

    def rows_of(self, scope: str) -> int:
        return 0 if self.counts is None else self.counts.rows.get(scope, 0)

    def open_of(self, scope: str) -> int:
        return 0 if self.counts is None else self.counts.open.get(scope, 0)

    def begin_event(self, now: int) -> None:
        self._before_event = {}
        self._size_before_event = self.size_changed
        self._purge_at = now + TOMBSTONE_AFTER

    def undo_event(self) -> None:
        for key, before in self._before_event.items():
            self._restore(key, before)
        self._before_event = {}
        self.size_changed = self._size_before_event

    def undo_batch(self) -> None:
        """Make the rows what they were when the batch began."""
        for key, before in self._before_batch.items():
            self._restore(key, before)
        self._before_batch, self._before_event = {}, {}
        self.size_changed = self._size_before_event = 0

    def begin_batch(self) -> None:
        self._before_batch = {}
        self.size_changed = 0
        if len(self.timers) > SPARE_TIMERS + 2 * len(self._rows):
            # Timers that were moved or taken off long before their time (of replies that came) lie there still.
            self.timers.rebuild((row.due, key) for key, row in self._rows.items() if row.due is not None)

    def event_size(self) -> int:
        """Bytes that the current event adds to the changelog batch (an upper estimate)."""
        return self.size_changed - self._size_before_event

    def changed(self) -> Iterator[tuple[str, StoredRow | None]]:
        """Every key changed in this batch with its row now; None is a real tombstone."""
        for key in self._before_batch:
            yield key, self._rows.get(key)

    def fail_timer(self, key: str) -> bytes:
        """Take the timer off a row whose rule raised, mark it failed, and give the row's bytes for the dead letter."""
        stored = self._rows[key]
        self._set(key, StoredRow(stored.payload, stored.version, None, timer_failed=True))
        return stored.payload

    def take_due(self, now: int) -> str | None:
        """The next row whose timer is due: one to fire, or one deleted long ago, to `purge`."""
        return self.timers.pop_due(now, self._raw_due)

    def is_deleted(self, key: str) -> bool:
        stored = self._rows.get(key)
        return stored is None or stored.deleted

    def purge(self, key: str) -> None:
        """Make a row deleted long ago a real tombstone."""
        self._set(key, StoredRow(b"", self._version, deleted=True))
        del self._rows[key]

    def timer_head(self) -> int | None:
        return self.timers.head(self._raw_due)

    def load(self, key: str, data: bytes | None) -> None:
        """Put a row read from the changelog, without marking it as changed; its timer waits for `start`."""
        if data is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = StoredRow.decode(data)

    def start(self) -> None:
        """Fill the heap from the rows, count them, and refuse those of a later format; once after the last `load`."""
        rows = self._rows
        if max({row.version for row in rows.values()}, default=0) > self._version:
            key, newer = next((key, row.version) for key, row in rows.items() if row.version > self._version)
            raise RowFormatNewer(f"row {key!r} has format {newer}, this process reads {self._version}")
        if self.counts is not None:
            self.counts.fill(rows)
        self.timers.rebuild([(row.due, key) for key, row in rows.items() if row.due is not None])

    def restart_timer(self, key: str) -> None:
        """Put the row's timer into the heap again, which had lost it (engine/audit.py)."""
        due = self._raw_due(key)
        if due is not None:
            self.timers.set(key, due)

    def keys(self) -> list[str]:
        """Every key as of now, those of deleted rows too."""
        return list(self._rows)

    def stored(self, key: str) -> StoredRow | None:
        """The row as it stands, deleted or not."""
        return self._rows.get(key)

    def encoded(self, key: str) -> bytes | None:
        """The row as the changelog carries it, or None when there is none."""
        stored = self._rows.get(key)
        return None if stored is None else stored.encode()

    def items(self) -> Iterator[tuple[str, StoredRow]]:
        yield from self._rows.items()

    def __len__(self) -> int:
        return len(self._rows)

    def _raw_due(self, key: str) -> int | None:
        stored = self._rows.get(key)
        return None if stored is None else stored.due

    def _set(self, key: str, stored: StoredRow) -> None:
        # Encoded here, so that a key that is no text (a lone surrogate) is this event's failure, not the batch's.
        self.size_changed += len(key.encode()) + 64 + len(stored.payload)
        before, due = self._rows.get(key), stored.due
        if key not in self._before_event:
            self._before_event[key] = before
        if key not in self._before_batch:
            self._before_batch[key] = before
        counts = self.counts
        if counts is not None:
            if before is None or before.deleted:
                if not stored.deleted:
                    counts.added(key)
            elif stored.deleted:
                counts.removed(key)
        self._rows[key] = stored
        # A row that is written again with its old timer must not grow the heap at every event.
        if due is not None and (before is None or before.due != due):
            self.timers.set(key, due)

    def _restore(self, key: str, stored: StoredRow | None) -> None:
        self._count_stored(key, self._rows.get(key), stored)
        if stored is None:
            self._rows.pop(key, None)
            return
        self._rows[key] = stored
        if stored.due is not None:
            self.timers.set(key, stored.due)

    def _count_stored(self, key: str, before: StoredRow | None, after: StoredRow | None) -> None:
        """Count a row that is there as bytes only. One of a newer format is not looked into: it halts its partition."""
        counts = self.counts
        if counts is None:
            return
        if _is_there(before) != _is_there(after):
            (counts.added if _is_there(after) else counts.removed)(key)
        if after is not None and not after.deleted and after.version <= self._version and key.startswith(counts.prefix):
            counts.note_stored(key, after.payload)


def _is_there(stored: StoredRow | None) -> bool:
    return stored is not None and not stored.deleted
