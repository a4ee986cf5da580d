"""A slow endpoint fills the room of its own partition, and no other's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.kafka import Admission


def test_a_partition_that_holds_enough_is_not_read_and_the_others_are() -> None:
    admission = Admission(records=3, size=1000)
    for _ in range(3):
        admission.begin("slow", 10)
    assert admission.admits({"slow", "fast"}) == {"fast"}
    admission.end("slow", 10)
    assert admission.admits({"slow", "fast"}) == {"slow", "fast"}


def test_few_large_attempts_are_enough() -> None:
    admission = Admission(records=3, size=1000)
    admission.begin("slow", 1000)
    assert admission.admits({"slow", "fast"}) == {"fast"}
    admission.end("slow", 1000)
    assert admission.admits({"slow", "fast"}) == {"slow", "fast"}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=40))
def test_when_everything_has_ended_there_is_room_again(read: list[tuple[str, int]]) -> None:
    admission = Admission(records=3, size=1000)
    for place, size in read:
        admission.begin(place, size)
    for place, size in reversed(read):
        admission.end(place, size)
    assert admission.admits("abc") == set("abc")
