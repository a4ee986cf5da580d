"""What is known of dead letters is known of them where they are then."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.processes.dead.notes import PURGED_OF, REPLAYED_OF, noted, notes_of
from tocsin.streams.processes.repartition.letters import MovedLetters, of_new_topic
from tocsin.streams.processes.repartition.tally import TOPIC_HEADER, Tally


def record(partition: int, offset: int, headers: Any) -> ConsumerRecord:
    return ConsumerRecord("dead", partition, offset, 0, 0, None, b"", 0, 0, 0, tuple(headers))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=30),
    st.data(),
    st.sampled_from([REPLAYED_OF, PURGED_OF]),
)
def test_a_note_is_of_the_same_letters(moves: list[tuple[int, int]], data: st.DataObject, kind: str) -> None:
    letters, old_ends, new_ends = MovedLetters(), [7, 7, 7], [0] * 4
    place: dict[tuple[int, int], tuple[int, int]] = {}
    for old, new in moves:
        letters.moved(old, old_ends[old], new, new_ends[new])
        place[old, old_ends[old]] = new, new_ends[new]
        old_ends[old] += 1
        new_ends[new] += 1
    old = data.draw(st.sampled_from([old for old, _ in moves]))
    offsets = data.draw(st.sets(st.integers(5, old_ends[old] - 1)))  # 5 and 6 were never copied
    notes = [record(old, 99, headers) for headers in notes_of(kind, old, sorted(offsets), "ann")]
    found = {
        (new, offset)
        for note in notes
        for new, headers in letters.notes(note)
        for first, behind in noted(record(new, 99, headers), kind)
        for offset in range(first, behind)
    }
    assert found == {place[old, offset] for offset in offsets if (old, offset) in place}
    said = [headers for note in notes for _, headers in letters.notes(note)]
    assert all(("tocsin.by", b"ann") in headers for headers in said)


TOPICS = {
    "a topic of ours has the new prefix": (b"tocsin.inbox", b"tocsin.p12.inbox"),
    "a topic that is not on the map stays": (b"tocsin.elsewhere", b"tocsin.elsewhere"),
    "a topic of somebody else stays": (b"orders", b"orders"),
    "no topic stays none": (None, None),
}


@pytest.mark.parametrize(("before", "after"), TOPICS.values(), ids=TOPICS.keys())
def test_a_letter_is_replayed_into_the_new_topic(before: bytes | None, after: bytes | None) -> None:
    headers = (("ce_type", b"x"), (TOPIC_HEADER, before))
    assert of_new_topic(headers, "tocsin.", "tocsin.p12.") == (("ce_type", b"x"), (TOPIC_HEADER, after))


RECORDS = st.tuples(st.none() | st.binary(max_size=4), st.none() | st.binary(max_size=4), st.integers(0, 9))


@given(st.lists(RECORDS), st.lists(RECORDS))
def test_tallies_are_equal_when_the_same_was_counted_in_any_order(one: list[Any], other: list[Any]) -> None:
    first, second = Tally(), Tally()
    for key, value, at in one:
        first.add(key, value, (), at)
    for key, value, at in other:
        second.add(key, value, (), at)
    order = repr
    assert (first.differs(second) is None) == (sorted(one, key=order) == sorted(other, key=order))


CHANGED = {
    "another key": ((b"x", b"v", (("h", b"1"),), 5), False),
    "no key": ((None, b"v", (("h", b"1"),), 5), False),
    "another value": ((b"k", b"x", (("h", b"1"),), 5), False),
    "another header": ((b"k", b"v", (("h", b"2"),), 5), False),
    "a header less": ((b"k", b"v", (), 5), False),
    "another time": ((b"k", b"v", (("h", b"1"),), 6), False),
    "the name of its topic alone": ((b"k", b"v", (("h", b"1"), (TOPIC_HEADER, b"t")), 5), True),
}


@pytest.mark.parametrize(("changed", "same"), CHANGED.values(), ids=CHANGED.keys())
def test_a_changed_record_is_found(changed: Any, same: bool) -> None:
    before, after = Tally(), Tally()
    before.add(b"k", b"v", (("h", b"1"),), 5)
    after.add(*changed)
    assert (before.differs(after) is None) == same
