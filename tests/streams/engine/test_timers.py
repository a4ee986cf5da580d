"""Due times: in order, never early, and only what the rows still say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.timers import SPAN, Timers

LATER = 3 << SPAN
"""Some slots of time behind 0."""


def drained(timers: Timers, due: dict[str, int], now: int) -> list[str]:
    found = []
    while (key := timers.pop_due(now, due.get)) is not None:
        found.append(key)
        del due[key]
    return found


def test_due_timers_come_in_the_order_of_their_times() -> None:
    timers, due = Timers(), {"late": LATER, "soon": 10, "middle": 20}
    for key, at in due.items():
        timers.set(key, at)
    assert timers.head(due.get) == 10
    assert drained(timers, due, LATER - 1) == ["soon", "middle"]
    assert timers.head(due.get) == LATER


def test_a_timer_that_was_moved_counts_at_its_new_time_only() -> None:
    timers, due = Timers(), {"a": 50}
    timers.set("a", 10)
    timers.set("a", 50)
    assert timers.pop_due(49, due.get) is None
    assert drained(timers, due, 50) == ["a"]


def test_a_timer_that_was_taken_off_does_not_fire() -> None:
    timers, none_due = Timers(), dict[str, int]()
    timers.set("a", 10)
    assert timers.head(none_due.get) is None
    assert timers.pop_due(99, none_due.get) is None


def test_a_row_that_was_put_off_needs_no_other_entry() -> None:
    timers, due = Timers(), {"a": 5 * LATER, "b": 10, "c": 30}
    for key in due:
        timers.set(key, 10)
    assert (timers.pop_due(29, due.get), timers.pop_due(29, due.get)) == ("b", None)
    assert drained(timers, due, 5 * LATER) == ["c", "a"]


def test_one_slot_of_time_is_put_in_order_and_no_other() -> None:
    timers = Timers()
    due = {f"k{number}": number << SPAN - 4 for number in range(64)}
    timers.rebuild((at, key) for key, at in due.items())
    assert timers.head(due.get) == 0
    assert [len(heap) for heap in timers._opened.values()] == [16]
    assert drained(timers, due, 1 << 60) == [f"k{number}" for number in range(64)]
    assert len(timers) == 0


DUES = st.none() | st.builds(lambda slots, more: (slots << SPAN - 1) + more, st.integers(0, 8), st.integers(0, 1))


@given(st.lists(st.tuples(st.sampled_from("abcd"), DUES, st.booleans())), DUES)
def test_any_history_of_changes_fires_what_the_rows_say(
    changes: list[tuple[str, int | None, bool]], until: int | None
) -> None:
    timers, due, now = Timers(), dict[str, int](), until or 0
    for key, at, looks in changes:
        before = due.pop(key, None)
        if at is not None:
            due[key] = at
            if before is None or at < before:  # else the entry that is there moves on by itself
                timers.set(key, at)
        if looks:
            assert timers.head(due.get) == min(due.values(), default=None)
    wanted = sorted((at, key) for key, at in due.items() if at <= now)
    assert drained(timers, due, now) == [key for _, key in wanted]
    assert len(timers) >= len(due)
