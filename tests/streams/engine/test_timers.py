"""The heap of due times: in order, never early, and only what the rows still say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.rows import TimerHeap


def drained(heap: TimerHeap, due: dict[str, int], now: int) -> list[str]:
    found = []
    while (key := heap.pop_due(now, due.get)) is not None:
        found.append(key)
        del due[key]
    return found


def test_due_timers_come_in_the_order_of_their_times() -> None:
    heap, due = TimerHeap(), {"late": 30, "soon": 10, "middle": 20}
    for key, at in due.items():
        heap.set(key, at)
    assert heap.head(due.get) == 10
    assert drained(heap, due, 25) == ["soon", "middle"]
    assert heap.head(due.get) == 30


def test_a_timer_that_was_moved_counts_at_its_new_time_only() -> None:
    heap, due = TimerHeap(), {"a": 50}
    heap.set("a", 10)
    heap.set("a", 50)
    assert heap.pop_due(49, due.get) is None
    assert drained(heap, due, 50) == ["a"]


def test_a_timer_that_was_taken_off_does_not_fire() -> None:
    heap, none_due = TimerHeap(), dict[str, int]()
    heap.set("a", 10)
    assert heap.head(none_due.get) is None
    assert heap.pop_due(99, none_due.get) is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 20))), st.integers(0, 20))
def test_any_history_of_changes_fires_what_the_rows_say(changes: list[tuple[str, int | None]], now: int) -> None:
    heap, due = TimerHeap(), dict[str, int]()
    for key, at in changes:
        if at is None:
            due.pop(key, None)
        else:
            due[key] = at
            heap.set(key, at)
    wanted = sorted((at, key) for key, at in due.items() if at <= now)
    assert drained(heap, due, now) == [key for _, key in wanted]
