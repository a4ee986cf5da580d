"""The rows of one partition: as bytes in memory, decoded on demand, undone event by event."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from tocsin.streams.engine.record import Halt
from tocsin.streams.engine.row_counts import PerScope, RowCounts
from tocsin.streams.engine.timers import Timers

_LAYOUT = struct.Struct(">BBBq")
_DUE = struct.Struct(">q")
_ENVELOPE = _LAYOUT.size
_VERSION_AT, _FLAGS_AT, _DUE_AT = 1, 2, 3
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
    """A row as the changelog has it: rule bytes, their format, the timer, the flags."""

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
        if not flags:  # as of nearly all: the auditor looks at every row twice a minute
            return cls(payload, version, timer)
        return cls(payload, version, timer, bool(flags & _DELETED), bool(flags & _TIMER_FAILED))


class RowStore:
    """All rows of a partition, with the keys changed since the last write and what they were before.

    A row is held as the very bytes that the changelog has: a million rows are two million objects, and what is read
    back at a take-over is not looked into. `encode` and `decode` come from the rule set. A row is decoded at each
    `get`: keeping decoded rows was measured and gains nothing, because most of them are put again before they are next
    read. `counts` by scope are kept with `per_scope` only.
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
        self._rows: dict[str, bytes] = {}
        self._before_batch: dict[str, bytes | None] = {}
        self._before_event: dict[str, bytes | None] = {}
        self.timers = Timers()
        self.counts = None if per_scope is None else RowCounts(per_scope)
        self.size_changed = 0
        self._size_before_event = 0
        self._purge_at = TOMBSTONE_AFTER

    def get(self, key: str) -> Any | None:
        data = self._rows.get(key)
        if data is None or data[_FLAGS_AT] & _DELETED:
            return None
        return self._decode(data[_ENVELOPE:], data[_VERSION_AT])

    def put(self, key: str, row: Any, due: int | None = None) -> None:
        timer = _NO_TIMER if due is None else due
        self._set(key, _LAYOUT.pack(_FORMAT, self._version, 0, timer) + self._encode(row), timer)

    def delete(self, key: str) -> None:
        if not self.is_deleted(key):
            self._set(key, _LAYOUT.pack(_FORMAT, self._version, _DELETED, self._purge_at), self._purge_at)

    def due(self, key: str) -> int | None:
        return None if self.is_deleted(key) else self._raw_due(key)

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
            self.timers.rebuild(self._due_rows())

    def event_size(self) -> int:
        """Bytes that the current event adds to the changelog batch (an upper estimate)."""
        return self.size_changed - self._size_before_event

    def changed(self) -> Iterator[tuple[str, bytes | None]]:
        """Every key changed in this batch with its row now, as the changelog carries it; None is a real tombstone."""
        for key in self._before_batch:
            yield key, self._rows.get(key)

    def fail_timer(self, key: str) -> bytes:
        """Take the timer off a row whose rule raised, mark it failed, and give the row's bytes for the dead letter."""
        data = self._rows[key]
        payload = data[_ENVELOPE:]
        self._set(key, _LAYOUT.pack(_FORMAT, data[_VERSION_AT], _TIMER_FAILED, _NO_TIMER) + payload, _NO_TIMER)
        return payload

    def take_due(self, now: int) -> str | None:
        """The next row whose timer is due: one to fire, or one deleted long ago, to `purge`."""
        return self.timers.pop_due(now, self._raw_due)

    def is_deleted(self, key: str) -> bool:
        data = self._rows.get(key)
        return data is None or bool(data[_FLAGS_AT] & _DELETED)

    def purge(self, key: str) -> None:
        """Make a row deleted long ago a real tombstone."""
        self._set(key, _LAYOUT.pack(_FORMAT, self._version, _DELETED, _NO_TIMER), _NO_TIMER)
        del self._rows[key]

    def timer_head(self) -> int | None:
        return self.timers.head(self._raw_due)

    def load(self, key: str, data: bytes | None) -> None:
        """Put a row read from the changelog, without marking it as changed; its timer waits for `start`."""
        if data is None:
            self._rows.pop(key, None)
        elif data[0] > _FORMAT:
            raise RowFormatNewer(f"row envelope format {data[0]}, this process reads up to {_FORMAT}")
        else:
            self._rows[key] = data

    def start(self) -> None:
        """Make the timers of the rows, count them, and refuse those of a later format; once after the last `load`."""
        rows = self._rows
        newest = max({data[_VERSION_AT] for data in rows.values()}, default=0)
        if newest > self._version:
            key = next(key for key, data in rows.items() if data[_VERSION_AT] == newest)
            raise RowFormatNewer(f"row {key!r} has format {newest}, this process reads {self._version}")
        if self.counts is not None:
            self._fill(self.counts)
        self.timers.rebuild(self._due_rows())

    def _fill(self, counts: RowCounts) -> None:
        is_open, prefix = counts.what.is_open_stored, counts.prefix
        there = [key for key, data in self._rows.items() if not data[_FLAGS_AT] & _DELETED]
        cases = (key for key in there if key.startswith(prefix))
        counts.fill(there, (key for key in cases if is_open(key, self._rows[key][_ENVELOPE:])))

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
        data = self._rows.get(key)
        return None if data is None else StoredRow.decode(data)

    def encoded(self, key: str) -> bytes | None:
        """The row as the changelog carries it, or None when there is none."""
        return self._rows.get(key)

    def items(self) -> Iterator[tuple[str, StoredRow]]:
        for key, data in self._rows.items():
            yield key, StoredRow.decode(data)

    def __len__(self) -> int:
        return len(self._rows)

    def _raw_due(self, key: str) -> int | None:
        data = self._rows.get(key)
        if data is None:
            return None
        due: int = _DUE.unpack_from(data, _DUE_AT)[0]
        return None if due == _NO_TIMER else due

    def _due_rows(self) -> Iterator[tuple[int, str]]:
        """Every timer with the key of its row."""
        unpack = _DUE.unpack_from
        for key, data in self._rows.items():
            due = unpack(data, _DUE_AT)[0]
            if due != _NO_TIMER:
                yield due, key

    def _set(self, key: str, data: bytes, due: int) -> None:
        # Encoded here, so that a key that is no text (a lone surrogate) is this event's failure, not the batch's.
        self.size_changed += len(key.encode()) + 64 + len(data) - _ENVELOPE
        before = self._rows.get(key)
        if key not in self._before_event:
            self._before_event[key] = before
        if key not in self._before_batch:
            self._before_batch[key] = before
        counts = self.counts
        if counts is not None and (
            before is None or (before[_FLAGS_AT] | data[_FLAGS_AT]) & _DELETED or key.startswith(counts.prefix)
        ):
            counts.changed(key, self._is_open(counts, key, before), self._is_open(counts, key, data))
        self._rows[key] = data
        if due == _NO_TIMER:
            return
        # A row that is put off has an entry already, which moves on by itself: it must not cost one at every event.
        was = _NO_TIMER if before is None else _DUE.unpack_from(before, _DUE_AT)[0]
        if due < was or was <= self.timers.taken:
            self.timers.set(key, due)

    def _restore(self, key: str, data: bytes | None) -> None:
        if self.counts is not None:
            was_open = self._is_open(self.counts, key, self._rows.get(key))
            self.counts.changed(key, was_open, self._is_open(self.counts, key, data))
        if data is None:
            self._rows.pop(key, None)
            return
        self._rows[key] = data
        due = self._raw_due(key)
        if due is not None:
            self.timers.set(key, due)

    def _is_open(self, counts: RowCounts, key: str, data: bytes | None) -> bool | None:
        """Whether a row counts as open, or None when there is none. One of a newer format is not looked into: it halts
        its partition."""
        if data is None or data[_FLAGS_AT] & _DELETED:
            return None
        if data[_VERSION_AT] > self._version or not key.startswith(counts.prefix):
            return False
        return counts.what.is_open_stored(key, data[_ENVELOPE:])
