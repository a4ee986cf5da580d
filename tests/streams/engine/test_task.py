"""The life of a partition: what it takes in, when it goes back, what it waits for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from simulated_log import Faults, SimulatedBroker, SimulatedLog
from tally import Tally

from tocsin.streams.engine import task as task_module
from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.outbox import decode_outbox
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.record import NotYetReadable, Record
from tocsin.streams.engine.rows import StoredRow
from tocsin.streams.engine.task import QUEUED_RECORDS, PartitionTask

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

    def __init__(self, rules: Tally | None = None) -> None:
        self.broker = SimulatedBroker(1)
        self.faults = Faults()
        self.log = SimulatedLog(self.broker, self.faults)
        self.rules = rules or Tally()
        self.seeks: list[int] = []
        self.time = 0
        self.written: list[Folded] = []
        self.task = PartitionTask(
            self.rules,
            0,
            self.log,
            lambda owner: PartitionWriter(self.rules, NAMES, 0, self.log, owner),
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
        self.task.offer(records, self.task.epoch)

    def sums(self) -> list[int]:
        """What was said, repeats left out."""
        return [json.loads(value or b"")["sum"] for value in dict.fromkeys(r.value for r in self.broker.values("sums"))]

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not what():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def running(self) -> None:
        await self.until(lambda: self.task.phase is Phase.RUNNING)


def adds(*numbers: int) -> list[dict[str, Any]]:
    return [{"name": "a", "add": number} for number in numbers]


async def test_what_is_offered_is_folded_said_and_marked() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2, 3))
        partition.offer(0, 2)
        partition.offer(2, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert partition.sums() == [1, 3, 6]
        assert partition.seeks == [0]


async def test_a_batch_fetched_before_the_last_seek_is_dropped() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2))
        old = partition.task.epoch
        assert partition.task.resume_at() == 0
        partition.task.offer(partition.broker.values("numbers")[1:], old)  # not taken for a hole
        partition.offer(0, 2)
        await partition.until(lambda: partition.task.mark_offset() == 2)
        assert partition.sums() == [1, 3]
        assert partition.seeks == [0]


async def test_what_is_read_twice_is_folded_once() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2, 4))
        partition.offer(0, 2)
        partition.offer(0, 2)
        partition.offer(1, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert partition.sums() == [1, 3, 7]
        assert partition.seeks == [0]


async def test_records_lost_on_the_way_are_asked_for_again() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2, 4))
        partition.offer(0, 1)
        partition.offer(2, 3)  # the record at 1 was dropped between Kafka and us
        await partition.until(lambda: partition.seeks == [0, 1])
        await partition.running()
        partition.offer(1, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert partition.sums() == [1, 3, 7]


async def test_a_hole_in_which_nothing_is_is_passed_over() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2, 4))
        del partition.broker.topics["numbers"].records[1]  # as a transaction's marker
        partition.offer(0, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        partition.feed(*adds(8, 16))
        del partition.broker.topics["numbers"].records[2]
        partition.offer(3, 5)
        await partition.until(lambda: partition.task.mark_offset() == 5)
        assert partition.sums() == [1, 5, 21]
        assert partition.seeks == [0]


async def test_input_that_never_reaches_an_idle_partition_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_module, "IDLE_CHECK", 0.02)
    monkeypatch.setattr(task_module, "DELIVERY_GRACE", 0.02)
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1))
        await partition.until(lambda: len(partition.seeks) >= 2)
        assert partition.seeks[1] == 0


async def test_a_failed_write_is_recovered_and_folded_once() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2))
        partition.offer(0, 1)
        await partition.until(lambda: partition.task.mark_offset() == 1)
        partition.faults.refuse = 1.0
        partition.offer(1, 2)
        await partition.until(lambda: partition.task.reason == "kafka_unavailable")
        assert not partition.task.has_room()
        partition.faults.stop()
        await partition.until(lambda: partition.seeks == [0, 1])
        await partition.running()
        partition.offer(1, 2)
        await partition.until(lambda: partition.task.mark_offset() == 2)
        assert partition.sums() == [1, 3]


async def test_a_superseded_owner_recovers_before_it_says_anything() -> None:
    async with Partition() as partition:
        await partition.running()
        other = PartitionWriter(partition.rules, NAMES, 0, partition.log, b"o" * 16)
        await other.take_over()
        partition.feed(*adds(1))
        partition.offer(0, 1)
        await partition.until(lambda: len(partition.seeks) == 2)
        assert partition.sums() == []
        await partition.running()
        partition.offer(0, 1)
        await partition.until(lambda: partition.sums() == [1])


async def test_an_input_made_again_is_read_from_its_beginning() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2, 4))
        partition.offer(0, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        partition.broker.steps += 100
        partition.broker.make_again("numbers")
        partition.feed(*adds(8))
        partition.offer(0, 1)
        await partition.until(lambda: partition.seeks == [0, 0])
        await partition.running()
        partition.offer(0, 1)
        await partition.until(lambda: partition.sums() == [1, 3, 7, 15])
        (letter,) = partition.broker.values("dead")
        assert dict(letter.headers)["tocsin.reason"] == b"input_truncated"
        assert [(folded.taken, folded.dead) for folded in partition.written] == [
            (3, {}),
            (0, {"input_truncated": 1}),
            (1, {}),
        ]


async def test_a_record_of_a_newer_version_is_waited_for() -> None:
    rules = Newer()
    async with Partition(rules) as partition:
        await partition.running()
        partition.feed({"name": "a", "add": 1}, b"newer", {"name": "a", "add": 2})
        partition.offer(0, 3)
        await partition.until(lambda: partition.task.phase is Phase.WAITING)
        assert (partition.task.mark_offset(), partition.sums()) == (1, [1])
        rules.learned = True
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert partition.task.phase is Phase.RUNNING
        assert partition.seeks == [0]


async def test_rows_of_a_newer_version_halt_the_partition_and_stay() -> None:
    partition = Partition()
    row = StoredRow(b"?", 99).encode()
    partition.broker.land(
        NAMES.changelog, [(b"w", b"A", ((OWNER_HEADER, b"A"),)), (b"ra", row, ((OWNER_HEADER, b"A"),))], 0
    )
    async with partition:
        await partition.until(lambda: partition.task.phase is Phase.HALTED)
        assert partition.task.reason == "needs_a_person"
        assert not partition.task.has_room()
        assert [record.value for record in partition.broker.values(NAMES.changelog) if record.key == b"ra"] == [row]


async def test_a_clean_stop_leaves_nothing_to_repeat() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2))
        partition.offer(0, 2)
        await partition.until(lambda: partition.task.mark_offset() == 2)
    outboxes = [record.value for record in partition.broker.values(NAMES.changelog) if record.key == b"b"]
    assert decode_outbox(outboxes[-1] or b"") == []
    assert partition.task.phase is Phase.STOPPED
    assert not partition.task.has_room()


async def test_what_waits_in_memory_is_bounded_by_count() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(*range(QUEUED_RECORDS)))
        partition.offer(0, 1)
        assert partition.task.has_room()
        partition.offer(1, QUEUED_RECORDS)
        assert not partition.task.has_room()
        await partition.until(lambda: partition.task.mark_offset() == QUEUED_RECORDS)
        assert partition.task.has_room()


async def test_what_waits_in_memory_is_bounded_by_bytes() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*(b"x" * 1_000_000 for _ in range(3)))
        partition.offer(0, 1)
        assert partition.task.has_room()
        partition.offer(1, 3)
        assert not partition.task.has_room()


async def test_batches_that_wait_are_folded_as_one() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(*range(30)))
        for start in range(0, 30, 3):
            partition.offer(start, start + 3)
        await partition.until(lambda: partition.task.mark_offset() == 30)
        marks = [record for record in partition.broker.values(NAMES.changelog) if record.key == b"m" and record.value]
        assert len(marks) == 1


async def test_a_tick_is_asked_for_once_a_second_and_never_early() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed({"name": "a", "alarm": 5_000_000})
        partition.offer(0, 1)
        await partition.until(lambda: partition.task.mark_offset() == 1)
        partition.time = 4_999_999
        assert not partition.task.timer_is_due()
        partition.time = 5_000_000
        assert partition.task.timer_is_due()
        ticking = asyncio.create_task(partition.task.append_tick())
        await asyncio.sleep(0)
        partition.time = 99_000_000
        assert not partition.task.timer_is_due(), "the last tick is still on its way"
        await ticking
        assert partition.task.timer_is_due()


async def test_a_changelog_made_again_under_an_owner_gets_every_row_back() -> None:
    broker = SimulatedBroker(1)
    rules, log = Tally(), SimulatedLog(broker, Faults())
    writer = PartitionWriter(rules, NAMES, 0, log, b"A" * 16)
    await writer.take_over()

    async def fold(name: str) -> None:
        offset = broker.land("numbers", [(None, json.dumps({"name": name, "add": 1}).encode(), ())], 0)
        await writer.write(writer.fold([one for one in broker.values("numbers") if one.offset == offset]))

    for name in ("a", "b", "c"):
        await fold(name)
    broker.make_again(NAMES.changelog)
    await fold("d")
    again = PartitionWriter(rules, NAMES, 0, SimulatedLog(broker, Faults()), b"B" * 16)
    assert (await again.take_over()).position == 4
    assert dict(again.state.rows.items()) == dict(writer.state.rows.items())
    assert len(again.state.rows) == 4


async def test_more_shadowed_rows_than_fit_one_batch_are_rewritten_in_several() -> None:
    class Measuring(SimulatedLog):
        async def append(self, topic: str, partition: int, owner: bytes, entries: Any) -> int | None:
            assert sum(len(entry.value or b"") for entry in entries) < 4_000_000
            return await super().append(topic, partition, owner, entries)

    broker = SimulatedBroker(1)
    rules, log = Tally(), Measuring(broker, Faults())
    writer = PartitionWriter(rules, NAMES, 0, log, b"A" * 16)
    await writer.take_over()
    for number in range(8):
        event = {"name": f"n{number}", "id": "x" * 1_000_000}
        offset = broker.land("numbers", [(None, json.dumps(event).encode(), ())], 0)
        folded = writer.fold([one for one in broker.values("numbers") if one.offset == offset])
        folded.outputs.clear()
        await writer.write(folded)
    late = [Entry(f"rn{number}".encode(), b"late") for number in range(8)]
    await SimulatedLog(broker, Faults()).append(NAMES.changelog, 0, b"Z" * 16, late)
    again = PartitionWriter(rules, NAMES, 0, log, b"B" * 16)
    await again.take_over()
    assert not again.state.rewrite
    newest = {record.key: record for record in broker.values(NAMES.changelog)}
    assert all(newest[f"rn{number}".encode()].headers[0][1] == b"B" * 16 for number in range(8))
