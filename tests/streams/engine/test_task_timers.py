"""The timers of a partition: ticks in time, heartbeats in silence, and the auditor."""

from __future__ import annotations

import asyncio
import json

from structlog.testing import capture_logs

from tests.streams.engine.one_partition import Partition
from tocsin.streams.engine.audit import PERIOD, TimerCensus


async def test_a_tick_is_asked_for_once_a_second_and_never_early() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed({"name": "a", "alarm": 5_000_000})
        partition.offer(0, 1)
        await partition.until(lambda: partition.task.mark_offset() == 1)
        partition.time = 4_999_999
        assert not partition.task.tick_is_due()
        partition.time = 5_000_000
        assert partition.task.tick_is_due()
        ticking = asyncio.create_task(partition.task.append_tick())
        await asyncio.sleep(0)
        partition.time = 99_000_000
        assert not partition.task.tick_is_due(), "the last tick is still on its way"
        await ticking
        assert partition.task.tick_is_due()


async def test_while_a_timer_waits_a_heartbeat_follows_every_silence() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.time = 1_000_000_000
        assert not partition.task.tick_is_due(), "nothing waits for the time to go on"
        partition.feed({"name": "a", "alarm": 2_000_000_000})
        partition.offer(0, 1)
        await partition.until(lambda: partition.task.mark_offset() == 1)
        assert partition.task.tick_is_due(), "nobody knows how long it was silent before"
        await partition.task.append_tick()
        for elapsed in (0, 29_999_999):
            partition.time = 1_000_000_000 + elapsed
            assert not partition.task.tick_is_due()
        partition.time = 1_030_000_000
        assert partition.task.tick_is_due()


async def test_the_auditor_finds_a_timer_that_the_heap_lost_and_it_fires() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed({"name": "a", "alarm": 5_000_000}, {"name": "b", "alarm": 900_000_000})
        partition.offer(0, 2)
        await partition.until(lambda: partition.task.mark_offset() == 2)
        partition.lose_from_heap("a")
        partition.time = 100_000_000
        await partition.task.append_tick()
        partition.offer(2, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert len(partition.broker.values("sums")) == 2, "the bug is planted: nothing fires"
        with capture_logs() as logs:
            assert partition.task.audit() == 1
        assert [(line["event"], line["overdue"], line["put_back"]) for line in logs] == [("timers overdue", 1, 1)]
        assert partition.task.timers() == TimerCensus(pending=2, overdue=1, repaired=1)
        partition.broker.land("numbers", [(None, None, (("tick", b"1"),))], partition.time)
        partition.offer(3, 4)
        fired = {"name": "a", "alarm": 100_000_000}
        await partition.until(lambda: fired in [json.loads(r.value or b"") for r in partition.broker.values("sums")])
        await partition.until(lambda: partition.task.mark_offset() == 4)
        partition.time += PERIOD
        assert partition.task.audit() == 0
        assert partition.task.timers() == TimerCensus(pending=1)
