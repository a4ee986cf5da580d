"""When a tick is asked for: in time, not too often, whatever the clocks do."""

from __future__ import annotations

import pytest

from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.ticking import Ticking

SECOND = 1_000_000
NOON = 1_795_000_000 * SECOND
HEARTBEAT = 30 * SECOND
LATER = NOON + 9_000 * SECOND


class Owner:
    """A partition of one timer; `refuses`: Kafka does not take its ticks."""

    def __init__(self, heard_at: int = NOON) -> None:
        self.now, self.ticks, self.refuses = NOON, 0, False
        self.ticking = Ticking(self._append, lambda: self.now, HEARTBEAT)
        self.ticking.taken_over(heard_at)

    async def _append(self) -> None:
        if self.refuses:
            raise LogUnavailable("gone")
        self.ticks += 1

    async def serve(self, seconds: int, head: int | None = LATER) -> list[int]:
        """Look every second; when (in seconds since the beginning) a tick was appended."""
        at = []
        for _ in range(seconds):
            self.now += SECOND
            if self.ticking.is_due(head):
                before = self.ticks
                await self.ticking.append()
                at += [(self.now - NOON) // SECOND] if self.ticks > before else []
        return at


async def test_a_heartbeat_comes_as_long_as_timers_wait() -> None:
    assert await Owner().serve(100) == [30, 60, 90]
    assert await Owner().serve(100, head=None) == []


async def test_a_partition_that_was_silent_when_taken_over_is_told_the_time_at_once() -> None:
    assert await Owner(heard_at=NOON - 500 * SECOND).serve(40) == [1, 31]


async def test_input_is_as_good_as_a_heartbeat() -> None:
    owner = Owner()
    assert await owner.serve(20) == []
    owner.ticking.folded(owner.now)
    assert await owner.serve(40) == [50]


@pytest.mark.parametrize(("skew", "wanted"), [(-10, [20, 50]), (10, [30, 60]), (-4000, [1, 31, 61]), (4000, [30, 60])])
async def test_kafkas_clock_may_differ_from_ours(skew: int, wanted: list[int]) -> None:
    owner = Owner()
    owner.ticking.taken_over(0)
    owner.ticking.folded(NOON + skew * SECOND)
    assert await owner.serve(62) == wanted


async def test_a_clock_that_is_set_back_stops_nothing() -> None:
    owner = Owner()
    assert await owner.serve(40) == [30]
    owner.now -= 3600 * SECOND
    assert len(await owner.serve(40)) >= 2
    owner.now -= 3600 * SECOND
    assert owner.ticking.is_due(owner.now - 1)


async def test_a_due_timer_asks_once_a_second_until_it_fired() -> None:
    assert await Owner().serve(5, head=NOON + 2 * SECOND) == [2, 3, 4, 5]


async def test_a_tick_that_kafka_did_not_take_is_asked_for_again() -> None:
    owner = Owner()
    owner.refuses = True
    assert await owner.serve(40) == []
    owner.refuses = False
    assert await owner.serve(40) == [41, 71]


async def test_a_tick_that_left_timers_over_is_followed_at_once() -> None:
    owner = Owner()
    assert await owner.serve(1, head=NOON) == [1]
    assert not owner.ticking.is_due(NOON)
    owner.ticking.ask_again()
    assert owner.ticking.is_due(NOON)
