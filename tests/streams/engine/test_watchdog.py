"""The watchdog, in virtual time: what it calls stalled, what it gives up, and what it leaves alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from tests.simulation.virtual_loop import VirtualLoop, run_virtually
from tests.streams.engine.simulated_log import Faults, SimulatedBroker, SimulatedLog
from tests.streams.engine.tally import Tally
from tocsin.streams.engine import engine, task, watchdog
from tocsin.streams.engine.changelog import OWNER_HEADER
from tocsin.streams.engine.engine import Engine
from tocsin.streams.engine.engine_settings import EngineSettings
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Headers, Record
from tocsin.streams.engine.rows import StoredRow
from tocsin.streams.engine.task import PartitionTask

PLACE = TopicPartition("numbers", 0)
STALL_AFTER, FATAL_AFTER = 0.06, 0.15


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine does meanwhile, no partition stalls because of it."""
    for module in (engine, task, watchdog):
        monkeypatch.setattr(module, "monotonic", lambda: asyncio.get_running_loop().time())


def virtually(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test in a loop whose time passes when nothing is left to do."""

    @wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        run_virtually(VirtualLoop(), test(*args, **fixtures))

    return run


class WatchedLog(SimulatedLog):
    """A simulated log with the life of a worker's one."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def know_topics(self, topics: Sequence[str]) -> list[str]:
        return []


class Watched:
    """An engine over one partition that has input which never reaches it."""

    def __init__(self, log: type[WatchedLog] = WatchedLog, retry_delay: float = 0.002) -> None:
        self.broker = SimulatedBroker(1)
        self.fatal: list[str] = []
        self.engine = Engine(
            [Tally()],
            EngineSettings("", "", stall_after=STALL_AFTER, fatal_after=FATAL_AFTER, retry_delay=retry_delay),
            on_fatal=self.fatal.append,
            open_log=lambda topic: log(self.broker, Faults()),
        )
        self.broker.land("numbers", [(None, b'{"name": "a"}', ())], 0)

    @property
    def task(self) -> PartitionTask:
        return self.engine.tasks[PLACE]

    async def until(self, what: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.002)

    async def is_left_alone(self) -> None:
        await asyncio.sleep(FATAL_AFTER * 2)
        assert self.fatal == []


@asynccontextmanager
async def watched(
    log: type[WatchedLog] = WatchedLog, rows: Sequence[tuple[bytes, bytes]] = (), retry_delay: float = 0.002
) -> AsyncIterator[Watched]:
    """The partition is assigned; its changelog holds `rows`."""
    one = Watched(log, retry_delay)
    owner: Headers = ((OWNER_HEADER, b"A"),)
    one.broker.land("tally-changelog", [(b"w", b"A", owner), *((key, row, owner) for key, row in rows)], 0)
    await one.engine.start(lambda partition, offset: None)
    try:
        one.engine.assigned({PLACE})
        yield one
    finally:
        await one.engine.stop()


@virtually
async def test_a_partition_with_input_that_does_not_move_is_stalled_then_fatal() -> None:
    with capture_logs() as logs:
        async with watched() as one:
            await one.until(lambda: one.task.stalled)
            assert one.fatal == []
            assert one.engine.lag(PLACE).records == 1
            assert "no progress on partition 0 of numbers for 0 s although 1 records wait" in str(
                one.engine.standing_still()
            )
            await one.until(lambda: one.fatal)
            assert one.fatal[0].startswith("numbers/0 has not moved for")
            assert [line["event"] for line in logs].count("partition does not move") == 1


@virtually
async def test_a_partition_that_moves_again_is_not_stalled() -> None:
    async with watched() as one:
        await one.until(lambda: one.task.stalled)
        one.task.offer(one.broker.values("numbers"))
        await one.until(lambda: not one.task.stalled)
        await one.until(lambda: one.engine.lag(PLACE).records == 0)
        assert one.engine.standing_still() is None
        await one.is_left_alone()


class SlowReading(WatchedLog):
    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        async for record in super().read(topic, partition, start, end):
            await asyncio.sleep(0.01)
            yield record


@virtually
async def test_a_long_recovery_is_not_fatal_as_long_as_it_reads() -> None:
    rows = [(b"rn%d" % number, StoredRow(b"{}", 1).encode()) for number in range(40)]
    async with watched(SlowReading, rows) as one:
        await one.is_left_alone()
        assert one.task.phase is Phase.TAKING_OVER
        assert not one.task.stalled
        await one.until(lambda: one.task.phase is Phase.RUNNING)


class NothingToRead(WatchedLog):
    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        await asyncio.Event().wait()
        async for record in super().read(topic, partition, start, end):
            yield record


@virtually
async def test_a_recovery_that_reads_nothing_is_fatal() -> None:
    async with watched(NothingToRead) as one:
        await one.until(lambda: one.fatal)
        await one.task.stop(0.0)


class Speechless(WatchedLog):
    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        raise LogUnavailable("topic sums does not exist")


@virtually
async def test_a_recovery_that_always_fails_behind_its_reading_is_fatal() -> None:
    async with watched(Speechless) as one:
        await one.until(lambda: one.fatal)


@virtually
async def test_a_halted_partition_is_not_fatal() -> None:
    async with watched(rows=[(b"ra", StoredRow(b"?", 99).encode())], retry_delay=60.0) as one:
        await one.until(lambda: one.task.phase is Phase.HALTED)
        await one.is_left_alone()
        assert not one.task.stalled


@virtually
async def test_a_partition_given_up_and_got_back_is_not_fatal() -> None:
    async with watched() as one:
        await one.until(lambda: one.task.stalled)
        await one.engine.released(set())
        await one.is_left_alone()
        one.engine.assigned({PLACE})
        await one.until(lambda: one.task.stalled)
        assert one.fatal == []


class Unreachable(WatchedLog):
    gone = False

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        if self.gone:
            raise LogUnavailable("no broker")
        return await super().bounds(topic, partition)


@virtually
async def test_kafka_that_does_not_answer_is_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(Unreachable) as one:
        await one.until(lambda: one.task.phase is Phase.RUNNING)
        monkeypatch.setattr(Unreachable, "gone", True)
        await one.is_left_alone()
        assert not one.task.stalled


class Bug(WatchedLog):
    struck = False

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        if self.struck:
            raise AssertionError("a bug of a library")
        return await super().bounds(topic, partition)


@virtually
async def test_a_watchdog_that_fails_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with capture_logs() as logs:
        async with watched(Bug) as one:
            await one.until(lambda: one.task.phase is Phase.RUNNING)
            monkeypatch.setattr(Bug, "struck", True)
            await one.until(lambda: one.fatal)
            assert "a bug of a library" in one.fatal[0]
            assert "background task ended" in {line["event"] for line in logs}
