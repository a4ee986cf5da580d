"""Step 1 of the write order: one event at a time, each whole or undone, nothing that stops the partition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.streams.engine.tally import Tally
from tests.streams.engine.tallying import SECOND, Newer, Tallying, as_bytes, reasons, sums
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.record import TICK, Halt, Output, Record, Rows
from tocsin.streams.engine.rows import TOMBSTONE_AFTER


def test_events_are_folded_in_order_and_the_mark_is_the_last() -> None:
    tally = Tallying()
    folded = tally.fold({"name": "a", "add": 1}, {"name": "b", "add": 5}, {"name": "a", "add": 2})
    assert sums(folded) == [("a", 1), ("b", 5), ("a", 3)]
    assert folded.taken == 3
    assert folded.mark is not None
    assert (folded.mark.offset, folded.now) == (2, 2 * SECOND)


POISON: dict[str, tuple[Any, str, str]] = {
    "not decodable": (b"{", "decode", "not_json"),
    "empty": (b"", "decode", "not_json"),
    "the rule raises": ({"name": "a", "add": 9, "raise": True}, "fold", "rule_raised"),
    "the rule raises because a field is missing": ({"add": 9}, "fold", "rule_raised"),
    "the key cannot be told": (b"5", "forward", "partition_key_raised"),
    "a row key that is no text": (b'{"name": "\\ud800"}', "fold", "rule_raised"),
    "an output is too large": ({"name": "a", "add": 9, "pad": 5_000}, "fold", "output_too_large"),
}


@pytest.mark.parametrize(("value", "stage", "reason"), POISON.values(), ids=POISON.keys())
def test_poison_goes_to_dead_alone_and_leaves_no_trace(value: Any, stage: str, reason: str) -> None:
    tally = Tallying(limits=Limits(output_bytes=4_000, event_bytes=20_000))
    folded = tally.fold({"name": "a", "add": 1}, value, {"name": "a", "add": 2}, headers=(("mine", b"1"),))
    assert sums(folded) == [("a", 1), ("a", 3)]
    assert (folded.taken, folded.dead) == (3, {reason: 1})
    (letter,) = [output for output in folded.outputs if output.topic == "dead"]
    headers = dict(letter.headers)
    assert letter.key == b"key"
    assert letter.value == as_bytes(value)
    assert headers["mine"] == b"1"
    assert headers["__connect.errors.topic"] == b"in"
    assert headers["__connect.errors.partition"] == b"0"
    assert headers["__connect.errors.offset"] == b"1"
    assert headers["__connect.errors.stage"] == stage.encode()
    assert headers["tocsin.reason"] == reason.encode()
    assert len(tally.rows) == 1


class Chatty(Tally):
    """Says its output `times` times."""

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> list[Output]:
        return [output for output in super().fold(event, rows, now, record) for _ in range(event.get("times", 1))]


def test_an_event_with_too_much_to_say_is_dead() -> None:
    tally = Tallying(Chatty(), Limits(event_bytes=10_000))
    folded = tally.fold({"name": "a", "times": 200}, {"name": "a", "add": 1})
    assert (sums(folded), reasons(folded)) == ([("a", 1)], ["event_too_large"])


def test_a_misplaced_record_is_forwarded_once() -> None:
    tally = Tallying(home=3)
    folded = tally.fold({"name": "a", "home": 1}, headers=(("mine", b"1"),))
    (output,) = folded.outputs
    assert (output.topic, output.key) == ("numbers", b"a")
    assert output.headers == (("mine", b"1"), ("tocsin-hops", b"1"))
    assert (folded.forwarded, len(tally.rows)) == (1, 0)
    again = tally.fold({"name": "a", "home": 1, "add": 4}, headers=output.headers)
    assert (again.forwarded, sums(again)) == (0, [("a", 4)])


@pytest.mark.parametrize("home", [0, None], ids=["at home", "home unknown"])
def test_a_record_is_not_forwarded_without_need(home: int | None) -> None:
    assert Tallying(home=home).fold({"name": "a", "home": 1}).forwarded == 0


def test_a_misplaced_record_that_may_not_fit_its_topic_is_dead() -> None:
    tally = Tallying(home=3, limits=Limits(output_bytes=3_000))
    folded = tally.fold({"name": "a", "home": 1}, headers=(("huge", b"x" * 4_000),))
    assert (reasons(folded), folded.forwarded) == (["misplaced_and_too_large"], 0)


def test_timers_fire_with_the_tick_in_order_and_never_early() -> None:
    tally = Tallying()
    tally.fold({"name": "late", "alarm": 9 * SECOND}, {"name": "soon", "alarm": 4 * SECOND})
    assert tally.fold(TICK, now=4 * SECOND - 1).outputs == []
    folded = tally.fold(TICK, now=9 * SECOND)
    assert [json.loads(output.value or b"")["name"] for output in folded.outputs] == ["soon", "late"]
    assert not folded.more_timers
    assert tally.fold(TICK, now=99 * SECOND).outputs == []


def test_an_event_fires_no_timer() -> None:
    tally = Tallying()
    tally.fold({"name": "a", "alarm": 1})
    assert sums(tally.fold({"name": "b"}, now=9 * SECOND)) == [("b", 0)]


def test_more_timers_than_a_tick_takes_are_left_for_the_next() -> None:
    tally = Tallying(limits=Limits(timers_per_tick=2))
    tally.fold(*({"name": f"n{number}", "alarm": number} for number in range(1, 6)))
    counts = [(len(folded.outputs), folded.more_timers) for folded in (tally.fold(TICK, now=SECOND) for _ in range(4))]
    assert counts == [(2, True), (2, True), (1, False), (0, False)]


def test_timers_stop_when_the_batch_is_full() -> None:
    tally = Tallying(limits=Limits(batch_bytes=500))
    for number in range(1, 6):
        tally.fold({"name": f"n{number}", "alarm": number})
    folded = tally.fold(TICK, now=SECOND)
    assert 0 < len(folded.outputs) < 5
    assert folded.more_timers


def test_a_timer_whose_rule_raises_is_dead_with_its_row_and_fires_no_more() -> None:
    tally = Tallying()
    tally.fold({"name": "a", "id": "broken", "alarm": 1}, {"name": "b", "alarm": 2})
    folded = tally.fold(TICK, now=SECOND)
    letter, alarm = folded.outputs
    assert (reasons(folded), folded.dead) == (["rule_raised"], {"rule_raised": 1})
    headers = dict(letter.headers)
    assert headers["__connect.errors.stage"] == b"timer"
    assert headers["__connect.errors.exception.message"] == b"RuntimeError: a bug in a timer"
    assert (letter.key, json.loads(letter.value or b"")) == (b"a", {"sum": 0, "last": "broken"})
    assert json.loads(alarm.value or b"")["name"] == "b"
    assert tally.fold(TICK, now=2 * SECOND).outputs == []


class Wordy(Tally):
    def fire(self, key: str, rows: Rows, now: int) -> list[Output]:
        rows.put(key, rows.get(key))
        return [Output("sums", key.encode(), b"x" * 5_000)]


def test_a_timer_that_says_too_much_is_dead_for_that_reason() -> None:
    tally = Tallying(Wordy(), Limits(output_bytes=4_000))
    tally.fold({"name": "a", "alarm": 1})
    folded = tally.fold(TICK, now=SECOND)
    assert (reasons(folded), folded.dead) == (["output_too_large"], {"output_too_large": 1})


class Forgetful(Tally):
    def fire(self, key: str, rows: Rows, now: int) -> list[Output]:
        rows.put(key, rows.get(key), due=now)
        return []


def test_a_timer_that_is_left_due_fires_once_and_is_dead() -> None:
    tally = Tallying(Forgetful())
    tally.fold({"name": "a", "alarm": 1})
    assert reasons(tally.fold(TICK, now=SECOND)) == ["rule_raised"]
    assert tally.fold(TICK, now=2 * SECOND).outputs == []


def test_a_mountain_of_deleted_rows_is_cleared_in_batches_that_fit() -> None:
    tally = Tallying(limits=Limits(batch_bytes=10_000, records=5_000))
    for number in range(1_000):
        tally.fold({"name": f"n{number}", "forget": 1}, now=SECOND)
    later, ticks = SECOND + TOMBSTONE_AFTER, 0
    while len(tally.rows):
        folded = tally.fold(TICK, now=later)
        ticks += 1
        assert tally.rows.size_changed <= 10_100
        assert folded.more_timers == (len(tally.rows) > 0)
    assert ticks > 5


def test_a_record_of_a_newer_version_stops_the_batch_before_it() -> None:
    tally = Tallying(Newer())
    folded = tally.fold({"name": "a", "add": 1}, b"newer", {"name": "a", "add": 2})
    assert (folded.taken, sums(folded), folded.waits_for) == (1, [("a", 1)], "schema 1099")
    assert folded.mark is not None
    assert folded.mark.offset == 0
    first = tally.fold(b"newer")
    assert (first.taken, first.mark) == (0, None)


def test_a_halt_is_not_poison() -> None:
    with pytest.raises(Halt):
        Tallying(Newer()).fold(b"halt")


def test_a_batch_ends_when_it_is_full_of_bytes() -> None:
    tally = Tallying(limits=Limits(batch_bytes=2_000))
    folded = tally.fold(*({"name": f"n{number}", "pad": 300} for number in range(20)))
    assert 1 < folded.taken < 10
    assert folded.mark is not None
    assert folded.mark.offset == folded.taken - 1


def test_a_batch_ends_after_so_many_records() -> None:
    assert Tallying(limits=Limits(records=3)).fold(*({"name": "a"} for _ in range(9))).taken == 3


def test_time_never_goes_back_within_a_batch() -> None:
    tally = Tallying()
    records = [Record("in", 0, n, at, None, b'{"name": "a"}') for n, at in enumerate((5, 3, 9))]
    folded = tally.folder.fold(records, 7)
    assert [output.timestamp for output in folded.outputs] == [0, 0, 0]
    assert folded.now == 9
