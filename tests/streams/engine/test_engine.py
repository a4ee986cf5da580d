"""The engine around its partitions: ticks that wait for nobody, and when a worker is ready."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from tests.streams.engine.tally import Tally
from tocsin.streams.engine import audit
from tocsin.streams.engine.audit import TimerCensus
from tocsin.streams.engine.engine import Engine
from tocsin.streams.engine.engine_settings import EngineSettings
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.task import PartitionTask


class Partition:
    """Its timer is always due; `hangs`: its tick is never acknowledged."""

    note = PartitionTask.note

    def __init__(self, hangs: bool = False, broken: bool = False) -> None:
        self.agent, self.hangs, self.broken = "tally", hangs, broken
        self.audits = 0
        self.ticks, self.ticking, self.cancelled = 0, False, False
        self.phase, self.reason, self.settled, self.moved_at = Phase.TAKING_OVER, "", False, 0.0

    def trouble(self) -> None:
        """None: how a partition that has one is told is tested with real ones."""

    def tick_is_due(self) -> bool:
        return not self.ticking

    async def append_tick(self) -> None:
        self.ticks, self.ticking = self.ticks + 1, True
        try:
            if self.broken:
                raise ValueError("a bug in a tick")
            if self.hangs:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.ticking = False

    def audit(self) -> int:
        self.audits += 1
        return self.audits == 1

    def timers(self) -> TimerCensus:
        return TimerCensus(pending=2, failed=1)

    async def stop(self, within: float) -> None: ...


class Unticked(Partition):
    def tick_is_due(self) -> bool:
        raise ValueError("a bug in the heap")


def engine_of(*partitions: Partition, fatal: list[str]) -> Engine:
    engine = Engine([Tally()], EngineSettings("", "", tick_interval=0.002), on_fatal=fatal.append)
    engine._rules.clear()  # no Kafka in these tests: nothing to connect to
    for number, partition in enumerate(partitions):
        engine.tasks[TopicPartition("numbers", number)] = cast(PartitionTask, partition)
    return engine


async def until_ticked(partition: Partition, times: int) -> None:
    async with asyncio.timeout(60):
        while partition.ticks < times:  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_a_tick_that_is_not_acknowledged_delays_no_other_partition() -> None:
    slow, quick = Partition(hangs=True), Partition()
    engine = engine_of(slow, quick, fatal=[])
    await engine.start(lambda partition, offset: None)
    await until_ticked(quick, 5)
    assert (slow.ticks, slow.cancelled) == (1, False)
    await engine.stop()
    assert slow.cancelled


async def test_a_tick_that_fails_is_said_and_asked_for_again() -> None:
    fatal: list[str] = []
    broken = Partition(broken=True)
    engine = engine_of(broken, fatal=fatal)
    with capture_logs() as logs:
        await engine.start(lambda partition, offset: None)
        await until_ticked(broken, 3)
        await engine.stop()
    assert "tick failed; asked for again" in {line["event"] for line in logs}
    assert fatal == []


async def test_every_partition_is_audited_and_what_was_put_back_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "STEP", 0.002)
    first, second = Partition(), Partition()
    engine = engine_of(first, second, fatal=[])
    await engine.start(lambda partition, offset: None)
    async with asyncio.timeout(60):
        while second.audits < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert engine.timers("tally") == TimerCensus(pending=4, failed=2)
    await engine.stop()
    assert engine.timers_repaired == {"tally": 2}


async def test_ticking_that_ends_is_fatal() -> None:
    fatal: list[str] = []
    engine = engine_of(Unticked(), fatal=fatal)
    with capture_logs():
        await engine.start(lambda partition, offset: None)
        async with asyncio.timeout(60):
            while not fatal:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        await engine.stop()
    assert "a bug in the heap" in fatal[0]


def test_a_worker_is_not_ready_before_it_joined_and_ready_then_without_partitions() -> None:
    engine = engine_of(fatal=[])
    assert engine.not_ready() == "not in the consumer group yet"
    engine.assigned(set())
    assert engine.not_ready() is None
    assert "no partitions for this worker" in str(engine.note())


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.WAITING, Phase.HALTED, Phase.TAKING_OVER])
def test_a_worker_is_ready_when_every_partition_left_its_first_take_over(phase: Phase) -> None:
    first, second = Partition(), Partition()
    engine = engine_of(first, second, fatal=[])
    engine.assigned(set())
    assert engine.not_ready() == "2 of 2 partitions are being taken over; 2 taking_over"
    first.settled, first.phase = True, Phase.RUNNING
    assert str(engine.not_ready()).startswith("1 of 2")
    second.settled, second.phase, second.reason = True, phase, "why"
    assert engine.not_ready() is None
    assert engine.note() == (None if phase is Phase.RUNNING else f"1 {phase}: why")
