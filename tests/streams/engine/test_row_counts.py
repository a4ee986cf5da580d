"""Counts of rows: whatever happens to the rows, they say how many there are."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.row_counts import PerScope
from tocsin.streams.engine.rows import RowStore

COUNTED = PerScope(
    lambda key: key.split("/")[1], "case", lambda row: row == "open", lambda key, data: data == b'"open"'
)


def store() -> RowStore:
    return RowStore(lambda row: json.dumps(row).encode(), lambda data, version: json.loads(data), 1, COUNTED)


def recounted(rows: RowStore) -> tuple[dict[str, int], dict[str, int]]:
    """The same counts, by looking at every row."""
    there = [(key, rows.get(key)) for key in rows.keys() if not rows.is_deleted(key)]  # noqa: SIM118
    held = Counter(key.split("/")[1] for key, _ in there)
    opened = Counter(key.split("/")[1] for key, row in there if key.startswith("case/") and row == "open")
    return dict(held), dict(opened)


def recovered(rows: RowStore) -> RowStore:
    """What another owner has after it read the changelog."""
    again = store()
    for key in rows.keys():  # noqa: SIM118
        again.load(key, rows.encoded(key))
    again.start()
    return again


KEYS = st.sampled_from(
    [f"{kind}/{tenant}/{number}" for kind in ("case", "thread") for tenant in "ab" for number in "12"]
)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.sampled_from(["open", "resolved"])),
    st.tuples(st.sampled_from(["delete", "purge", "fail_timer"]), KEYS, st.none()),
    st.tuples(st.sampled_from(["begin_event", "undo_event", "begin_batch", "undo_batch"]), st.none(), st.none()),
)


@given(st.lists(STEPS, max_size=60))
def test_they_say_how_many_rows_there_are(steps: list[tuple[str, str | None, str | None]]) -> None:
    rows = store()
    rows.begin_batch()
    rows.begin_event(0)
    for name, key, row in steps:
        match name, key:
            case "put", str():
                rows.put(key, row, due=5)
            case "delete", str():
                rows.delete(key)
            case _, str():
                # The engine purges what was deleted, and fails the timers of what is there.
                if rows.stored(key) is not None and rows.is_deleted(key) == (name == "purge"):
                    getattr(rows, name)(key)
            case "begin_event", _:
                rows.begin_event(1)
            case "begin_batch", _:
                rows.begin_batch()
                rows.begin_event(1)
            case _:
                getattr(rows, name)()
        assert rows.counts is not None
        assert (rows.counts.rows, rows.counts.open) == recounted(rows)
    again = recovered(rows).counts
    assert again is not None
    assert (again.rows, again.open) == recounted(rows)


def test_what_nobody_counts_is_not_counted() -> None:
    rows = RowStore(lambda row: b"", lambda data, version: None, 1)
    rows.begin_batch()
    rows.begin_event(0)
    rows.put("case/a/1", "open")
    assert (rows.rows_of("a"), rows.open_of("a")) == (0, 0)
