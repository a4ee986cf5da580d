"""Where keys, rows and readers go with another number of partitions."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.outputs import key_hash
from tocsin.streams.engine.rows import StoredRow
from tocsin.streams.processes.repartition.placing import (
    GoingOn,
    RowNotPlaced,
    begins,
    place_of,
    row_place,
    row_scope,
    together,
)
from tocsin.streams.rules.state import (
    ROW_VERSION,
    DispatchRow,
    GapsRow,
    decode_row,
    encode_row,
    row_key,
)
from tocsin.streams.rules.values import SECOND

counts = st.integers(1, 40)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)


@given(st.binary(max_size=40), counts, counts)
def test_a_record_is_where_kafka_puts_its_key(key: bytes, old: int, count: int) -> None:
    everywhere = list(range(count))
    assert place_of(key, old, count) == DefaultPartitioner()(key, everywhere, everywhere)


@given(st.integers(0, 39), counts)
def test_a_record_without_a_key_stays_within_the_partitions(old: int, count: int) -> None:
    assert 0 <= place_of(None, old, count) < count


@given(names, names)
def test_whose_a_row_is_is_read_off_its_key(name: str, other: str) -> None:
    assert row_scope(row_key("case", name, other)) == name.encode()


@given(names, counts, counts)
def test_a_row_goes_to_the_partition_of_its_name(name: str, old_count: int, count: int) -> None:
    old = key_hash(name.encode()) % old_count
    assert row_place(row_key("lane", name, "t"), old, old_count, count) == key_hash(name.encode()) % count


def test_a_row_of_the_whole_partition_has_no_place_of_its_own() -> None:
    assert row_place("gaps", 3, 4, 12) is None


def test_a_row_that_is_not_where_its_key_belongs_stops_everything() -> None:
    home = key_hash(b"acme") % 4
    with pytest.raises(RowNotPlaced, match=f"stands on partition {(home + 1) % 4} and belongs to {home} of 4"):
        row_place("case/acme/c1", (home + 1) % 4, 4, 12)


def test_a_name_too_long_to_be_read_off_the_row_stops_everything() -> None:
    with pytest.raises(RowNotPlaced, match="too long"):
        row_place(row_key("case", "a" * 256, "c1"), 0, 4, 12)


def stored(row: Any, due: int | None) -> StoredRow:
    return StoredRow(encode_row(row), ROW_VERSION, due)


TOGETHER = {
    "one alone stays as it is": ([(GapsRow(((1, 2),)), 9)], GapsRow(((1, 2),)), 9),
    "time without hearing is that of all": (
        [(GapsRow(((1, 5),)), 9), (GapsRow(((4, 7), (10, 12))), 8)],
        GapsRow(((1, 7), (10, 12))),
        9,
    ),
    "the dispatcher has come as far as it came where it is furthest behind": (
        [(DispatchRow(answered_at=5, asked_at=4), 7), (DispatchRow(answered_at=9, asked_at=2), 11)],
        DispatchRow(answered_at=9, asked_at=2),
        11,
    ),
}


@pytest.mark.parametrize(("rows", "expected", "due"), TOGETHER.values(), ids=TOGETHER.keys())
def test_rows_of_whole_partitions_together(rows: list[tuple[Any, int]], expected: Any, due: int) -> None:
    found = together([stored(row, at) for row, at in rows])
    assert (decode_row(found.payload, found.version), found.due) == (expected, due)


def test_of_many_spans_the_latest_are_kept() -> None:
    spans = tuple((number * SECOND, number * SECOND + 1) for number in range(0, 80, 2))
    found = together([stored(GapsRow(spans[:20]), 1), stored(GapsRow(spans[20:]), 2)])
    assert decode_row(found.payload, found.version) == GapsRow(spans[-32:])


def test_rows_of_another_kind_cannot_be_put_together() -> None:
    rows = [stored(GapsRow(()), 1), stored(DispatchRow(1, 1), 1)]
    with pytest.raises(RowNotPlaced):
        together(rows)


BEGINS = {
    "all history": ({0: 3}, {}, [], {0: 3}),
    "from when it is wanted": ({0: 3}, {0: 8}, [], {0: 8}),
    "but never what a group has not read": ({0: 3}, {0: 8}, [{0: 5}, {0: 6}], {0: 5}),
    "nor what is gone": ({0: 3}, {0: 8}, [{0: 1}], {0: 3}),
    "a group that never read a partition reads it from its beginning": (
        {0: 3, 1: 4},
        {0: 8, 1: 8},
        [{0: 9}],
        {0: 8, 1: 4},
    ),
}


@pytest.mark.parametrize(("firsts", "wanted", "read", "expected"), BEGINS.values(), ids=BEGINS.keys())
def test_from_where_a_partition_is_copied(
    firsts: dict[int, int], wanted: dict[int, int], read: list[dict[int, int]], expected: dict[int, int]
) -> None:
    assert begins(firsts, wanted, read) == expected


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=2))),
    st.dictionaries(st.integers(0, 3), st.integers(0, 6)),
    st.integers(1, 7),
    st.booleans(),
)
def test_a_group_misses_nothing_and_reads_nothing_again_where_it_can(
    log: list[tuple[int, bytes]], read: dict[int, int], count: int, read_first: bool
) -> None:
    offsets: dict[int, int] = {}
    records = []
    for old, key in log:
        records.append((old, offset := offsets.get(old, 0), key))
        offsets[old] = offset + 1
    if read_first:  # as it is copied for those who must not read again
        records.sort(key=lambda record: record[1] >= read.get(record[0], 0))
    going_on, ends = GoingOn(read), [0] * count
    new: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for old, offset, key in records:
        at = place_of(key, old, count)
        going_on.note(old, offset, at, ends[at])
        new[at].append((old, offset))
        ends[at] += 1
    begin = going_on.offsets(ends)
    still = {place for at in range(count) for place in new[at][begin[at] :]}
    unread = {(old, offset) for old, offset, _ in records if offset >= read.get(old, 0)}
    assert still >= unread
    if read_first:
        assert still == unread
