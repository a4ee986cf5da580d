"""Reading a changelog back: whose records count, and what compaction may have left."""

from __future__ import annotations

import json

import pytest

from tocsin.streams.engine.changelog import OWNER_HEADER, Replay, batch_entries, owner_entry
from tocsin.streams.engine.mark import Mark
from tocsin.streams.engine.outbox import OutboxRecord, encode_outbox
from tocsin.streams.engine.record import Record
from tocsin.streams.engine.rows import RowStore, StoredRow

A, B, C = b"A" * 16, b"B" * 16, b"C" * 16


def store() -> RowStore:
    rows = RowStore(lambda row: json.dumps(row).encode(), lambda data, version: json.loads(data), 1)
    rows.begin_batch()
    rows.begin_event(0)
    return rows


def record(key: bytes, value: bytes | None, owner: bytes | None) -> Record:
    return Record("log", 0, 0, 0, key, value, () if owner is None else ((OWNER_HEADER, owner),))


def owned(owner: bytes) -> Record:
    return record(b"w", owner, owner)


def row(key: str, value: int | None, owner: bytes | None) -> Record:
    return record(b"r" + key.encode(), None if value is None else StoredRow(str(value).encode(), 1).encode(), owner)


def mark(offset: int, owner: bytes) -> Record:
    return record(b"m", Mark(offset, 0, 0).encode(), owner)


CASES: dict[str, tuple[list[Record], dict[str, int], set[str]]] = {
    "an empty changelog": ([], {}, set()),
    "one owner": ([owned(A), row("x", 1, A), row("x", 2, A)], {"x": 2}, set()),
    "a tombstone": ([owned(A), row("x", 1, A), row("x", None, A)], {}, set()),
    "the next owner goes on": ([owned(A), row("x", 1, A), owned(B), row("y", 2, B)], {"x": 1, "y": 2}, set()),
    "a late batch of the last owner": ([owned(A), row("x", 1, A), owned(B), row("x", 9, A)], {"x": 1}, {"x"}),
    "a late batch, rewritten": ([owned(A), owned(B), row("x", 9, A), row("x", 1, B)], {"x": 1}, set()),
    "a late tombstone": ([owned(A), row("x", 1, A), owned(B), row("x", None, A)], {"x": 1}, {"x"}),
    "a late batch of a key that never was": ([owned(B), row("x", 9, A)], {}, {"x"}),
    "a late owner record takes over": ([owned(B), owned(A), row("x", 1, B), row("y", 2, A)], {"y": 2}, {"x"}),
    "garbage without an owner": ([owned(A), row("x", 9, None), row("y", 1, A)], {"y": 1}, {"x"}),
    "garbage before any owner": ([row("x", 9, None), owned(A)], {}, {"x"}),
    "an owner record that names another": ([owned(A), record(b"w", C, B), row("x", 1, A)], {"x": 1}, set()),
    "compaction took the owner record": (
        [row("x", 1, A), row("y", 2, A), owned(B), row("x", 3, B)],
        {"x": 3, "y": 2},
        set(),
    ),
    "compaction took it, a late batch and its cure": ([row("x", 9, A), row("x", 1, B), owned(C)], {"x": 1}, set()),
}


@pytest.mark.parametrize(("records", "rows", "void"), CASES.values(), ids=CASES.keys())
def test_replay(records: list[Record], rows: dict[str, int], void: set[str]) -> None:
    replay = Replay(store())
    for one in records:
        replay.read(one)
    assert {key: json.loads(stored.payload) for key, stored in replay.rows.items()} == rows
    assert replay.void_keys == void
    assert (replay.void_records == 0) <= (not void)


def test_a_late_mark_and_outbox_are_void() -> None:
    replay = Replay(store())
    kept = [OutboxRecord("t", b"k", b"kept", (), 1)]
    late = [OutboxRecord("t", b"k", b"late", (), 1)]
    for one in (
        owned(A),
        mark(5, A),
        record(b"b", encode_outbox(kept), A),
        owned(B),
        mark(9, A),
        record(b"b", encode_outbox(late), A),
    ):
        replay.read(one)
    assert (replay.mark, replay.outbox, replay.void_records) == (Mark(5, 0, 0), kept, 2)


def test_a_mark_taken_back_is_no_mark() -> None:
    replay = Replay(store())
    for one in (owned(A), mark(5, A), record(b"m", None, A)):
        replay.read(one)
    assert replay.mark is None


def test_a_batch_is_the_changed_rows_then_mark_and_outbox() -> None:
    rows = store()
    rows.put("old", 1)
    rows.put("shadowed", 2)
    rows.begin_batch()
    rows.put("new", 3)
    entries = batch_entries(rows, {"shadowed", "new", "never was"}, Mark(7, 0, 0), [])
    assert sorted(entry.key for entry in entries[:-2]) == [b"rnever was", b"rnew", b"rshadowed"]
    assert {entry.key: entry.value for entry in entries}[b"rnever was"] is None
    assert [entry.key for entry in entries[-2:]] == [b"m", b"b"]


def test_what_is_written_is_what_is_read() -> None:
    rows, said = store(), [OutboxRecord("t", b"k", b"v", (("h", b"1"),), 5)]
    rows.put("a", 1, due=9)
    rows.put("\u6f22", 2)
    rows.delete("a")
    entries = [owner_entry(A), *batch_entries(rows, (), Mark(3, 4, 5), said)]
    replay = Replay(store())
    for entry in entries:
        replay.read(record(entry.key, entry.value, A))
    assert dict(replay.rows.items()) == dict(rows.items())
    assert (replay.owner, replay.mark, replay.outbox) == (A, Mark(3, 4, 5), said)
