"""A PartitionTask over a simulated log, and a consumer that reads where it was told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.streams.engine.simulated_log import Faults, SimulatedBroker, SimulatedLog
from tests.streams.engine.tally import Tally
from tocsin.streams.engine.dead import DeadLetterLimit
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.record import NotYetReadable, Record
from tocsin.streams.engine.spoken import Spoken
from tocsin.streams.engine.task import PartitionTask

NAMES = Names("numbers", "tally-changelog")


class Newer(Tally):
    """Cannot read `newer` until `learned`."""

    learned = False

    def decode(self, record: Record) -> Any:
        if record.value == b"newer" and not self.learned:
            raise NotYetReadable("schema 1099")
        return {"name": "newer"} if record.value == b"newer" else super().decode(record)


class Partition:
    """One task over a perfect log, and a consumer that reads where it was told to."""

    def __init__(
        self,
        rules: Tally | None = None,
        broker: SimulatedBroker | None = None,
        dead_letters: DeadLetterLimit | None = None,
    ) -> None:
        self.broker = broker or SimulatedBroker(1)
        self.faults = Faults()
        self.log = SimulatedLog(self.broker, self.faults)
        self.rules = rules or Tally()
        self.seeks: list[int] = []
        self.time = 0
        self.written: list[Folded] = []
        spoken = Spoken()
        self.task = PartitionTask(
            self.rules,
            0,
            self.log,
            lambda owner: PartitionWriter(
                self.rules, NAMES, 0, self.log, owner, dead_letters=dead_letters, spoken=spoken
            ),
            self.seeks.append,
            lambda: self.time,
            on_written=lambda partition, folded: self.written.append(folded),
            retry_delay=0.002,
        )

    async def __aenter__(self) -> Partition:
        self.task.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.task.stop(1.0)

    def feed(self, *values: dict[str, Any] | bytes) -> None:
        for value in values:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.broker.land("numbers", [(None, data, ())], self.broker.steps)

    def offer(self, start: int, end: int) -> None:
        records = [record for record in self.broker.values("numbers") if start <= record.offset < end]
        self.task.offer(records)

    def sums(self) -> list[int]:
        """What was said, repeats left out."""
        return [json.loads(value or b"")["sum"] for value in dict.fromkeys(r.value for r in self.broker.values("sums"))]

    def lose_from_heap(self, key: str) -> None:
        """A bug of the heap: the row's timer is not in it any more."""
        assert self.task._writer is not None
        rows = self.task._writer.state.rows
        kept = [(row.due, name) for name, row in rows.items() if row.due is not None and name != key]
        rows.timers.rebuild(kept)

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def running(self) -> None:
        await self.until(lambda: self.task.phase is Phase.RUNNING)


def adds(*numbers: int) -> list[dict[str, Any]]:
    return [{"name": "a", "add": number} for number in numbers]
