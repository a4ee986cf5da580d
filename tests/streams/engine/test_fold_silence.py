"""Silence: told to the rules once, before the record that ends it, and only while timers wait."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.streams.engine.tallying import Newer, Tallying, as_bytes, sums
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.record import TICK, Record

GAP = Limits().silence
SILENCES: dict[str, tuple[list[tuple[int, Any]], list[tuple[int, int]]]] = {
    "longer than the limit": ([(5, {"name": "b"}), (6 + GAP, {"name": "b"})], [(5, 6 + GAP)]),
    "just the limit": ([(5, {"name": "b"}), (5 + GAP, {"name": "b"})], []),
    "ended by a tick": ([(5, TICK), (6 + GAP, TICK)], [(5, 6 + GAP)]),
    "ended by poison": ([(5, TICK), (6 + GAP, b"{")], [(5, 6 + GAP)]),
    "twice": ([(5, TICK), (6 + GAP, TICK), (7 + 2 * GAP, TICK)], [(5, 6 + GAP), (6 + GAP, 7 + 2 * GAP)]),
    "Kafka's clock went back": ([(GAP, TICK), (5, TICK), (6 + GAP, TICK)], []),
    "before the first record ever": ([(6 + GAP, TICK)], []),
}


@pytest.mark.parametrize(("records", "wanted"), SILENCES.values(), ids=SILENCES.keys())
@pytest.mark.parametrize("pending", [True, False], ids=["a timer is pending", "no timer"])
def test_silence_is_told_once_and_only_while_timers_wait(
    records: list[tuple[int, Any]], wanted: list[tuple[int, int]], pending: bool
) -> None:
    tally, now, told = Tallying(), 0, []
    if pending:
        tally.fold({"name": "a", "alarm": 99 * GAP})
    for at, value in records:
        stamps = (("tick", b"1"),) if value is TICK else ()
        folded = tally.folder.fold([Record("in", 0, at, at, None, as_bytes(value), stamps)], now)
        now = folded.now
        said = [json.loads(output.value or b"") for output in folded.outputs if output.key == b"silence"]
        told += [(one["since"], one["until"]) for one in said]
    assert told == (wanted if pending else [])


def test_silence_is_told_before_the_record_that_ends_it() -> None:
    tally = Tallying()
    tally.fold({"name": "a", "alarm": 99 * GAP})
    records = [Record("in", 0, n, n * 2 * GAP, None, b'{"name": "b"}') for n in (1, 2)]
    folded = tally.folder.fold(records, 0)
    assert [output.key for output in folded.outputs] == [b"b", b"silence", b"b"]


def test_a_rule_about_silence_that_raises_costs_nothing_but_a_letter() -> None:
    tally = Tallying()
    tally.fold({"name": "a", "alarm": 99 * GAP}, {"name": "broken when resumed"})
    folded = tally.folder.fold([Record("in", 0, 9, 2 * GAP, b"k", b'{"name": "a", "add": 4}')], 1)
    assert (sums(folded), folded.dead, folded.taken) == ([("a", 4)], {"rule_raised": 1}, 1)
    (letter,) = [output for output in folded.outputs if output.topic == "dead"]
    assert (letter.key, letter.value) == (None, None)
    assert dict(letter.headers)["__connect.errors.stage"] == b"silence"
    assert tally.rows.get("trace") is None


def test_time_does_not_go_on_to_a_record_that_cannot_be_read_yet() -> None:
    tally = Tallying(Newer())
    tally.fold({"name": "a", "alarm": 99 * GAP})
    newer = Record("in", 0, 2, 2 * GAP, None, b"newer")
    first = tally.folder.fold([Record("in", 0, 1, 5, None, b'{"name": "b"}'), newer], 1)
    assert (first.taken, first.now) == (1, 5)
    assert tally.folder.fold([newer], first.now).outputs == []
