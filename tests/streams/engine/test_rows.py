"""Rows of one partition: the journal of a batch, the undoing of an event, deletion, and formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.rows import SPARE_TIMERS, TOMBSTONE_AFTER, RowFormatNewer, RowStore, StoredRow
from tocsin.streams.engine.timers import SPAN


def encode(row: Any) -> bytes:
    return json.dumps(row).encode()


def store(version: int = 1) -> RowStore:
    rows = RowStore(encode, lambda data, version: json.loads(data), version)
    rows.begin_batch()
    rows.begin_event(0)
    return rows


def test_a_row_is_kept_changed_and_deleted() -> None:
    rows = store()
    rows.put("a", 1, due=5)
    assert (rows.get("a"), rows.due("a")) == (1, 5)
    rows.put("a", 2)
    assert (rows.get("a"), rows.due("a")) == (2, None)
    rows.delete("a")
    assert (rows.get("a"), rows.due("a")) == (None, None)


def test_undo_brings_back_rows_timers_and_size() -> None:
    rows = store()
    rows.put("kept", 1, due=5)
    size = rows.size_changed
    rows.begin_event(1)
    rows.put("kept", 2, due=9)
    rows.put("new", 3, due=1)
    rows.delete("kept")
    rows.undo_event()
    assert (rows.get("kept"), rows.get("new"), rows.timer_head(), rows.size_changed) == (1, None, 5, size)
    assert rows.take_due(5) == "kept"


def test_undo_after_a_timer_was_taken_keeps_it_due() -> None:
    rows = store()
    rows.put("a", 1, due=5)
    rows.begin_event(6)
    assert rows.take_due(6) == "a"
    rows.put("a", 2)
    rows.undo_event()
    assert rows.take_due(6) == "a"


def test_a_row_written_again_with_its_timer_does_not_grow_the_heap() -> None:
    rows = store()
    for number in range(1000):
        rows.begin_event(number)
        rows.put("a", number, due=5_000)
        rows.put("put off", number, due=number << 20)
    assert len(rows.timers) == 2
    rows.delete("put off")
    rows.put("a", 0, due=4_000)
    rows.put("a", 0, due=5_000)
    assert (rows.take_due(4_999), rows.take_due(5_000)) == (None, "a")


def test_timers_that_never_come_due_do_not_pile_up() -> None:
    rows, far = store(), 10**15
    rows.put("steady", 0, due=far + 7)
    for number in range(3 * SPARE_TIMERS):
        if number % 100 == 0:
            rows.begin_batch()
        rows.begin_event(number)
        rows.put("reply", number, due=far - number)
    rows.begin_batch()
    assert len(rows.timers) <= SPARE_TIMERS + 100
    assert [rows.take_due(2 * far) for _ in range(3)] == ["reply", "steady", None]


def test_a_batch_gives_each_changed_key_once_as_it_is_now() -> None:
    rows = store()
    rows.put("a", 1)
    rows.put("a", 2)
    rows.put("b", 3)
    assert dict(rows.changed()) == {"a": StoredRow(b"2", 1).encode(), "b": StoredRow(b"3", 1).encode()}
    rows.begin_batch()
    assert list(rows.changed()) == []


def test_a_deleted_row_becomes_a_tombstone_an_hour_later() -> None:
    rows = store()
    rows.put("a", 1)
    rows.begin_event(1_000)
    rows.delete("a")
    assert rows.take_due(1_000 + TOMBSTONE_AFTER - 1) is None
    assert rows.take_due(1_000 + TOMBSTONE_AFTER) == "a"
    assert rows.is_deleted("a")
    rows.begin_batch()
    rows.purge("a")
    assert list(rows.changed()) == [("a", None)]
    assert len(rows) == 0


def test_a_row_put_again_after_its_deletion_is_not_purged() -> None:
    rows = store()
    rows.put("a", 1)
    rows.delete("a")
    rows.put("a", 2)
    assert rows.take_due(TOMBSTONE_AFTER * 2) is None
    assert rows.get("a") == 2


def test_a_failed_timer_is_off_and_marked() -> None:
    rows = store()
    rows.put("a", 1, due=5)
    assert rows.fail_timer("a") == b"1"
    assert rows.timer_head() is None
    ((_, stored),) = rows.changed()
    assert stored is not None
    assert StoredRow.decode(stored).timer_failed


@pytest.mark.parametrize("key", ["\ud800", "half \udfff"])
def test_a_key_that_is_no_text_fails_its_own_event(key: str) -> None:
    rows = store()
    with pytest.raises(UnicodeEncodeError):
        rows.put(key, 1)
    rows.undo_event()
    assert list(rows.changed()) == []


def test_the_size_counts_the_bytes_of_a_key() -> None:
    rows = store()
    rows.put("\u6f22" * 100, 1)
    assert rows.size_changed >= 300


def test_a_row_of_a_newer_format_halts_and_is_kept() -> None:
    rows = store(version=1)
    rows.load("a", StoredRow(b"?", 2).encode())
    with pytest.raises(RowFormatNewer):
        rows.start()
    assert rows.encoded("a") == StoredRow(b"?", 2).encode()


def test_an_envelope_of_a_newer_format_halts() -> None:
    with pytest.raises(RowFormatNewer):
        StoredRow.decode(b"\x02" + StoredRow(b"x", 1).encode()[1:])


@given(
    st.binary(max_size=50),
    st.integers(0, 255),
    st.none() | st.integers(0, 2**62),
    st.booleans(),
    st.booleans(),
)
def test_a_row_survives_its_bytes(payload: bytes, version: int, due: int | None, deleted: bool, failed: bool) -> None:
    row = StoredRow(payload, version, due, deleted, failed)
    assert StoredRow.decode(row.encode()) == row


KEYS = st.sampled_from("abc")
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers(0, 9), st.none() | st.integers(1, 9)), max_size=6)


@given(st.lists(st.tuples(CHANGES, st.booleans()), max_size=6))
def test_any_history_with_undone_events_is_the_history_without_them(
    events: list[tuple[list[tuple[str, int | None, int | None]], bool]],
) -> None:
    rows, plain = store(), store()
    for changes, undone in events:
        rows.begin_event(0)
        for target in [rows] if undone else [rows, plain]:
            for key, value, due in changes:
                if value is None:
                    target.delete(key)
                else:
                    target.put(key, value, due)
        if undone:
            rows.undo_event()
    assert dict(rows.items()) == dict(plain.items())
    assert rows.size_changed == plain.size_changed
    assert drained(rows) == drained(plain)


def drained(rows: RowStore) -> list[str]:
    found = []
    while (key := rows.take_due(9)) is not None:
        found.append(key)
        rows.purge(key)
    return found


TIMES = st.none() | st.integers(0, 12).map(lambda slots: slots << SPAN - 1)
MOVES = st.tuples(st.sampled_from(["put", "delete", "take", "undo", "undo_batch", "batch", "event"]), KEYS, TIMES)


@given(st.lists(MOVES, max_size=40))
def test_the_first_timer_is_that_of_the_rows_whatever_happened(moves: list[tuple[str, str, int | None]]) -> None:
    rows, now = store(), 0
    for name, key, at in moves:
        match name:
            case "put":
                rows.put(key, "row", at)
            case "delete":
                rows.delete(key)
            case "undo":
                rows.undo_event()
            case "undo_batch":
                rows.undo_batch()
            case "batch":
                rows.begin_batch()
            case "event":
                rows.begin_event(now)
            case "take" if (due := rows.take_due(now + (1 << SPAN))) is not None:
                # As the engine does: what is due gets another time, or none, before the next one is taken.
                if rows.is_deleted(due):
                    rows.purge(due)
                else:
                    rows.put(due, "fired", None if at is None else now + (1 << SPAN) + at + 1)
                now += 1 << SPAN - 2
        assert rows.timer_head() == min((row.due for _, row in rows.items() if row.due is not None), default=None)


def test_a_row_may_be_deleted_before_any_event_began() -> None:
    rows = RowStore(encode, lambda data, version: json.loads(data), 1)
    rows.put("a", 1)
    rows.delete("a")
    assert rows.get("a") is None
