"""The bench's own arithmetic: what is read of the operating system, medians and ranges, ratios, the table. No times."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from tests.bench.comparison import Round, Spread, figures, table
from tests.bench.counting_receiver import ANSWER, Count, Requests, length_of
from tests.bench.process_times import TICK, below, parent_and_seconds, word_of

FIELDS = "S 7 1 1 0 -1 4194560 10 0 0 0 {user} {system} 9 9 20 0 1 0 100 1000 10"
"""What follows the name in /proc/PID/stat: the 4th field of the whole is the parent, the 14th and 15th the ticks."""


@pytest.mark.parametrize("name", ["python", "a program", "x) b (y) 9 9"], ids=["plain", "blank", "brackets and digits"])
def test_cpu_and_parent_of_a_process_whatever_its_name(name: str) -> None:
    stat = f"12 ({name}) " + FIELDS.format(user=2 * TICK, system=TICK)
    assert parent_and_seconds(stat) == (7, 3.0)


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({1: 0, 2: 1}, {2}),
        ({1: 0, 2: 1, 3: 2, 4: 3, 5: 1}, {2, 3, 4}),
        ({}, {2}),
    ],
    ids=["alone", "children of children, not a brother", "it has ended meanwhile"],
)
def test_the_processes_below_one(parents: dict[int, int], expected: set[int]) -> None:
    assert set(below(2, parents)) == expected


def test_a_process_is_named_by_the_first_word_of_its_command_line() -> None:
    words = ("kafka", "worker")
    assert word_of("java -cp kafka.jar worker", words, "other") == "kafka"
    assert word_of("python -m supervisor", words, "other") == "other"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.0], Spread(2.0, 2.0, 2.0)),
        ([9.0, 1.0, 2.0], Spread(2.0, 1.0, 9.0)),
        ([1.0, 2.0], Spread(1.5, 1.0, 2.0)),
    ],
    ids=["one round", "three, in any order", "two: between them"],
)
def test_median_and_range(values: Sequence[float], expected: Spread) -> None:
    assert Spread.of(values, 3) == expected


def test_no_round_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no round"):
        Spread.of([], 3)


def test_how_a_spread_is_shown() -> None:
    assert Spread(1234.5, 0.25, 2000.0).shown(1) == "1,234.5 (0.2-2,000.0)"


ROUNDS = {
    "first": [Round(1000, 1000, 0.5, {"a": 0.2}), Round(1000, 1000, 0.25, {"a": 0.1})],
    "second": [Round(500, 500, 1.0, {"b": 0.2, "c": 0.2}), Round(500, 600, 1.0, {"b": 0.1, "c": 0.3})],
}


def test_ratios_are_of_the_rounds_that_ran_beside_each_other() -> None:
    found = figures(ROUNDS, "first")
    assert "cpu_to_first" not in found["first"]
    # 0.8 ms to 0.2 and to 0.1; 500/s to 2,000/s and to 4,000/s: the ratio of the medians would be others.
    assert found["second"]["cpu_to_first"] == {"median": 6.0, "least": 4.0, "most": 8.0}
    assert found["second"]["per_s_to_first"] == {"median": 0.188, "least": 0.125, "most": 0.25}
    assert found["second"]["by_process_ms"] == {"b": 0.3, "c": 0.5}
    assert (found["second"]["deliveries"], found["second"]["of"]) == (1000, 1100)


def test_without_alertmanager_there_are_figures_and_no_ratios() -> None:
    assert all("cpu_to_first" not in of_name for of_name in figures(ROUNDS, None).values())


def test_nothing_delivered_is_told_and_does_not_divide_by_zero() -> None:
    told = figures({"first": [Round(0, 10, 0.0, {"a": 0.1})]}, None)["first"]
    assert (told["deliveries"], told["of"]) == (0, 10)


def test_the_table_says_what_did_not_come() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(table(ROUNDS, "first"))
    lines = out.getvalue().splitlines()
    assert any("first" in line and "0.15 (0.10-0.20)" in line and "3,000 (2,000-4,000)" in line for line in lines)
    assert any("second: only 1000 of 1100 came" in line and "6.00 (4.00-8.00)" in line for line in lines)


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    "size", [1, 7, len(REQUEST), 3 * len(REQUEST)], ids=["byte by byte", "cut", "whole", "at once"]
)
def test_the_receiver_counts_and_answers_each_request_however_it_is_cut(size: int) -> None:
    async def count_three() -> tuple[int, bytes]:
        count, transport, data = Count(), _Transport(), 3 * REQUEST
        requests = Requests(count)
        requests.connection_made(transport)
        for first in range(0, len(data), size):
            requests.data_received(data[first : first + size])
        await count.until(3, 60.0)
        return count.arrived, transport.written

    assert asyncio.run(count_three()) == (3, 3 * ANSWER)


def test_a_request_without_a_body() -> None:
    assert length_of(b"GET / HTTP/1.1\r\nhost: x") == 0
