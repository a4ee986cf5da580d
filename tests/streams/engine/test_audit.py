"""The auditor: counts what the rows say, mends the heap, and never holds the loop for long."""

from __future__ import annotations

from tocsin.streams.engine.audit import OVERDUE_AFTER, PERIOD, SLICE, Auditor, TimerCensus
from tocsin.streams.engine.rows import RowStore, StoredRow

HOUR = 3_600_000_000
NOON = 1_795_000_000_000_000


def rows_of(**due: int | None) -> RowStore:
    rows = RowStore(lambda row: bytes(row), lambda data, version: data, 1)
    for key, at in due.items():
        rows.put(key, b"row", at)
    return rows


def a_round(auditor: Auditor, now: int) -> tuple[TimerCensus, int]:
    """A whole round: what it found, and in how many steps."""
    steps = 1
    while (found := auditor.step(now)) is None:
        steps += 1
    return found, steps


def test_timers_are_counted_by_where_they_stand() -> None:
    rows = rows_of(
        ahead=NOON + HOUR, late=NOON - 5, overdue=NOON - OVERDUE_AFTER - 1, without=None, failed=NOON, gone=NOON
    )
    rows.fail_timer("failed")
    rows.begin_event(NOON - 2 * HOUR)
    rows.delete("gone")
    assert a_round(Auditor(rows), NOON) == (TimerCensus(pending=3, overdue=1, failed=1), 1)


def test_rows_are_counted_by_kind_with_the_oldest() -> None:
    rows = rows_of(a=None, b=None, c=NOON, gone=None, other=None)
    rows.begin_event(NOON - 2 * HOUR)
    rows.delete("gone")
    since = {"a": 7, "b": 5, "c": 9, "gone": 1}
    counted, _ = a_round(Auditor(rows, lambda key, data, now: ("kind", since[key]) if key in since else None), NOON)
    assert (counted.kinds["kind"].rows, counted.kinds["kind"].oldest) == (3, 5)
    other = TimerCensus()
    for kind, at in (("kind", 4), ("kind", 6), ("another", 8)):
        other.count(kind, at, NOON)
    counted.add(other)
    assert {kind: (found.rows, found.oldest) for kind, found in counted.kinds.items()} == {
        "kind": (5, 4), "another": (1, 8)
    }  # fmt: skip


def test_what_the_heap_lost_is_put_back_wherever_it_stands() -> None:
    rows = rows_of(a=NOON - HOUR, b=NOON - 5, c=NOON + HOUR, d=NOON + 2 * HOUR, e=NOON + 3 * HOUR)
    rows.timers.rebuild([(NOON + 2 * HOUR, "d")])
    auditor = Auditor(rows)
    # `e` is behind the head, which hides it until `d` has fired.
    assert a_round(auditor, NOON)[0] == TimerCensus(pending=5, overdue=1, repaired=3)
    assert [rows.take_due(NOON + 2 * HOUR) for _ in range(5)] == ["a", "b", "c", "d", None]
    for key in "abcd":
        rows.put(key, b"row", None)
    assert a_round(auditor, NOON + PERIOD)[0] == TimerCensus(pending=1, repaired=1)
    assert rows.take_due(NOON + 3 * HOUR) == "e"


def test_a_sound_heap_is_left_alone() -> None:
    rows = rows_of(a=NOON - HOUR, b=NOON - HOUR, c=NOON + HOUR)
    rows.put("c", b"row", NOON + 2 * HOUR)
    before = len(rows.timers)
    assert a_round(Auditor(rows), NOON)[0] == TimerCensus(pending=3, overdue=2)
    assert len(rows.timers) == before


def test_a_round_begins_each_period_even_when_the_clock_is_set_back() -> None:
    auditor = Auditor(rows_of(a=NOON))
    assert auditor.step(NOON) is not None
    assert auditor.step(NOON + PERIOD - 1) is None
    assert auditor.step(NOON + PERIOD) is not None
    assert auditor.step(NOON - HOUR) is not None
    assert auditor.last.pending == 1


def test_rows_may_come_and_go_during_a_round() -> None:
    rows = rows_of(**{f"k{number}": NOON + number for number in range(3 * SLICE)})
    auditor = Auditor(rows)
    assert auditor.step(NOON) is None
    for number in range(SLICE):
        rows.purge(f"k{number}")
        rows.put(f"new{number}", b"row", NOON + HOUR)
    census, steps = a_round(auditor, NOON)
    assert (census, steps) == (TimerCensus(pending=2 * SLICE), 2)


def test_however_many_rows_are_looked_at_in_small_steps() -> None:
    rows, count = rows_of(), 20 * SLICE
    for number in range(count):
        rows.load(f"expectation/tenant-{number % 1000}/thread-{number}", StoredRow(b"", 1, NOON + number).encode())
    rows.start()
    auditor, looked_at = Auditor(rows), []
    found = None
    while found is None:
        left = len(auditor._left) or count
        found = auditor.step(NOON)
        looked_at.append(left - len(auditor._left))
    assert looked_at == [SLICE] * 20
    assert (found.pending, found.repaired) == (count, 0)
