"""Lines that repeat: which are logged, which are counted, and when they are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.telemetry.repeats import AT_ONCE, FORGOTTEN_AFTER, REMEMBERED, WINDOW, Repeats

REFUSED = "Unable connect to node with id {}: [Errno 111] Connect call failed"
UPDATE = "Unable to update metadata from [1]"


def logged(repeats: Repeats, lines: list[tuple[float, str]]) -> list[str]:
    """Those of the lines, each with its time, that are logged."""
    return [text for at, text in lines if repeats.is_new("aiokafka", text, at)]


WITHIN_A_MINUTE = {
    "one line": (["a"], ["a"]),
    "the same line": (["a", "a", "a"], ["a"]),
    "the same but for a number": (["node 1", "node 27"], ["node 1"]),
    "the same but for an address in memory": (["<x at 0x7f01>", "<x at 0xbeef>"], ["<x at 0x7f01>"]),
    "two lines in turn": (["a", "b", "a", "b"], ["a", "b"]),
    "more than come at once": (["a", "b", "c", "d"], ["a", "b"]),
}


@pytest.mark.parametrize(("said", "are"), WITHIN_A_MINUTE.values(), ids=WITHIN_A_MINUTE)
def test_which_lines_of_a_minute_are_logged(said: list[str], are: list[str]) -> None:
    assert logged(Repeats(), [(float(at), text) for at, text in enumerate(said)]) == are


def test_an_outage_is_a_few_lines_and_one_more_a_minute() -> None:
    repeats, lines, told = Repeats(), [], []
    for tick in range(70 * 64):
        now = tick / 64
        lines += logged(repeats, [(now, REFUSED.format(tick % 3) if tick % 2 else UPDATE)])
        told += list(repeats.told(now))
    assert lines == [UPDATE, REFUSED.format(1)]
    [(source, text)] = told
    assert source == "aiokafka"
    assert text.startswith("the same 3,839 times")
    assert "Unable connect to node" in text
    assert "Unable to update metadata" in text


def test_nothing_is_told_twice_and_nothing_of_those_who_do_not_repeat() -> None:
    repeats = Repeats()
    assert logged(repeats, [(0, "a"), (1, "a")]) == ["a"]
    assert repeats.is_new("faust", "b", 2)
    assert list(repeats.told(WINDOW - 1)) == []
    assert [source for source, _ in repeats.told(WINDOW)] == ["aiokafka"]
    assert list(repeats.told(3 * WINDOW)) == []
    assert not repeats.holds_any()


def test_a_line_that_went_on_is_not_new_in_the_next_minute_but_after_a_long_silence() -> None:
    repeats = Repeats()
    assert logged(repeats, [(at * 30.0, "a") for at in range(10)]) == ["a"]
    assert logged(repeats, [(270 + FORGOTTEN_AFTER - 1, "a")]) == []
    list(repeats.told(2 * FORGOTTEN_AFTER))
    assert logged(repeats, [(3 * FORGOTTEN_AFTER, "a")]) == ["a"]


def test_of_ours_each_number_counts_and_a_minute_later_it_is_new() -> None:
    repeats, said = Repeats(), [(0, "endpoint 1"), (1, "endpoint 2"), (2, "endpoint 1"), (3, "endpoint 3")]
    assert [text for at, text in said if repeats.is_new("ours", text, at, exact=True)] == ["endpoint 1", "endpoint 2"]
    assert [text for _, text in repeats.told(WINDOW)] == [
        "the same 2 times in the last minute: 1 times 'endpoint 1'; 1 times 'endpoint 3'"
    ]
    assert repeats.is_new("ours", "endpoint 1", WINDOW + 3, exact=True)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=3)), max_size=60))
def test_each_line_is_logged_or_counted(said: list[tuple[str, str]]) -> None:
    repeats = Repeats()
    passed = [text for source, text in said if repeats.is_new(source, text, 1.0)]
    counted = sum(int(text.split()[2].replace(",", "")) for _, text in repeats.told(2.0, all_of_it=True))
    assert len(passed) + counted == len(said)
    assert len(passed) <= 2 * AT_ONCE


def test_what_differs_each_time_is_bounded() -> None:
    repeats = Repeats()
    for number in range(3 * REMEMBERED):
        repeats.is_new("aiokafka", "x" * (number % 400) + chr(number + 256), float(number) / 1000)
    assert len(repeats._sources["aiokafka"].seen) <= REMEMBERED
    [(_, text)] = repeats.told(WINDOW + 1)
    assert "other lines" in text
