"""The life of a partition: what it takes in, when it goes back, what it waits for."""

from __future__ import annotations

import pytest

from tests.streams.engine.one_partition import NAMES, Newer, Partition, adds
from tocsin.streams.engine import task as task_module
from tocsin.streams.engine.changelog import OWNER_HEADER
from tocsin.streams.engine.outbox import OutboxRecord, decode_outbox
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.phase import Phase
from tocsin.streams.engine.rows import StoredRow
from tocsin.streams.engine.waiting import QUEUED_RECORDS


async def test_what_is_offered_is_folded_said_and_marked() -> None:
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2, 3))
        partition.offer(0, 2)
        partition.offer(2, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert partition.sums() == [1, 3, 6]
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
    assert last_outbox(partition) == []
    assert partition.task.phase is Phase.STOPPED
    assert not partition.task.has_room()


async def test_a_partition_without_input_leaves_nothing_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_module, "IDLE_CHECK", 0.02)
    async with Partition() as partition:
        await partition.running()
        partition.feed(*adds(1, 2))
        partition.offer(0, 2)
        await partition.until(lambda: partition.task.mark_offset() == 2)
        await partition.until(lambda: last_outbox(partition) == [])  # its owner lives, and may be killed much later
        written = len(partition.broker.values(NAMES.changelog))
        partition.feed(*adds(3))
        partition.offer(2, 3)
        await partition.until(lambda: partition.sums() == [1, 3, 6])
    marks = [record.value or b"" for record in partition.broker.values(NAMES.changelog)[:written] if record.key == b"b"]
    assert [bool(decode_outbox(value)) for value in marks] == [True, False], "it is written down once"


def last_outbox(partition: Partition) -> list[OutboxRecord]:
    """What the next owner would say again."""
    outboxes = [record.value for record in partition.broker.values(NAMES.changelog) if record.key == b"b"]
    return decode_outbox(outboxes[-1] or b"")


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
