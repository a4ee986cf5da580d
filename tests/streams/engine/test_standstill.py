"""No record stops a partition: what cannot be written is found and buried, what halts can be let go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from tests.streams.engine.one_partition import NAMES, Newer, Partition, adds
from tests.streams.engine.tally import Tally
from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.dead import DeadLetterLimit, Skip
from tocsin.streams.engine.outbox import OutboxRecord, encode_outbox
from tocsin.streams.engine.phase import UNREADABLE_YET, Phase, Trouble
from tocsin.streams.engine.ports import LogUnavailable, Unwritable
from tocsin.streams.engine.record import Halt, Output, Record, Rows, checksum
from tocsin.streams.engine.rows import RowStore


def letters(partition: Partition) -> list[tuple[int, str, str]]:
    """Offset, stage and reason of each dead letter, repeats left out."""
    found = []
    for record in partition.broker.values("dead"):
        headers = {name: (value or b"").decode() for name, value in record.headers}
        place = int(headers["__connect.errors.offset"])
        found.append((place, headers["__connect.errors.stage"], headers["tocsin.reason"]))
    return list(dict.fromkeys(found))


async def consume(partition: Partition, until: Callable[[], bool]) -> None:
    """Offer everything behind the last seek, again and again, as a consumer does."""

    def offered() -> bool:
        task = partition.task
        if task.next_offset is not None and task.has_room():
            partition.offer(task.next_offset, partition.broker.topics["numbers"].end)
        return until()

    await partition.until(offered)


class Unfoldable(Tally):
    """A rule whose output for `bad` is no record: that shows only when the batch is put together."""

    def __init__(self, where: str) -> None:
        self.where = where

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        outputs = super().fold(event, rows, now, record)
        if event["name"] == "bad" and self.where == "in an output":
            return [Output("sums", b"k", b"v", (("name", object()),))]  # type: ignore[arg-type]
        if event["name"] == "bad" and self.where == "in its key":
            return [Output("sums", object(), b"v")]  # type: ignore[arg-type]
        return outputs


@pytest.mark.parametrize("where", ["in an output", "in its key", "in its changelog batch"])
async def test_whatever_is_raised_over_a_record_it_alone_is_buried(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Partition(Unfoldable(where)) as partition:
        if where == "in its changelog batch":
            append = partition.log.append

            async def refused(topic: str, number: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
                if any(entry.key == b"rbad" for entry in entries):
                    raise Unwritable("it does not fit")
                return await append(topic, number, owner, entries)

            monkeypatch.setattr(partition.log, "append", refused)
        await partition.running()
        partition.feed(*adds(1, 2), {"name": "bad"}, *adds(4, 8))
        await consume(partition, lambda: partition.task.mark_offset() == 5)
        assert partition.sums() == [1, 3, 7, 15]
        assert [offset for offset, _, _ in letters(partition)] == [2]
        assert (partition.task.halted, partition.task.phase) == ("", Phase.RUNNING)


async def test_a_fault_of_the_changelog_that_no_record_has_halts_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = Partition()

    async def broken(topic: str, number: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
        raise Unwritable("it fits no batch")

    monkeypatch.setattr(partition.log, "append", broken)
    async with partition:
        await partition.until(lambda: partition.task.halted == "unwritable")


async def test_records_that_cannot_be_written_count_for_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Partition(Unfoldable("in an output"), dead_letters=DeadLetterLimit(2, 10)) as partition:
        await partition.running()
        partition.feed(*[{"name": "bad"}] * 4)
        await consume(partition, lambda: partition.task.halted == "dead_letter_limit")
        assert len(letters(partition)) == 2


async def test_a_schema_that_never_comes_can_be_skipped_and_only_that_record_is() -> None:
    async with Partition(Newer()) as partition:
        await partition.running()
        partition.feed(*adds(1), b"newer", *adds(2))
        partition.offer(0, 3)
        await partition.until(lambda: partition.task.phase is Phase.WAITING)
        assert partition.task.trouble() == Trouble("numbers 0", UNREADABLE_YET, 1)
        assert partition.task.committable() == (1, "halted schema_not_known_yet 1")
        assert "tocsin partitions skip numbers 0 --offset 1" in (partition.task.note() or "")
        stuck = partition.broker.values("numbers")[1]
        partition.log.asked = Skip(0, "another one")
        await partition.until(lambda: partition.task.phase is Phase.WAITING)
        partition.log.asked = Skip(1, "of a topic that was", crc=checksum(stuck) ^ 1)
        await partition.until(lambda: partition.task.phase is Phase.WAITING)
        assert letters(partition) == []
        partition.log.asked = Skip(1, "asked for by ann", crc=checksum(stuck))
        await partition.until(lambda: partition.task.mark_offset() == 3)
        assert partition.sums() == [1, 3]
        assert letters(partition) == [(1, "skip", "skipped")]
        assert partition.broker.values("dead")[0].value == b"newer"
        assert (partition.task.trouble(), partition.task.committable()) == (None, (3, ""))


class Later(Tally):
    """What a later release writes."""

    row_version = Tally.row_version + 1


async def test_who_cannot_read_the_rows_says_so_where_the_one_before_stood() -> None:
    """Also from its start: it has no row and no record, and whoever looks from elsewhere sees only what it commits."""
    async with Partition(Later()) as later:
        await later.running()
        later.feed(*adds(1, 2))
        await consume(later, lambda: later.task.mark_offset() == 2)
    async with Partition(broker=later.broker) as earlier:
        await earlier.until(lambda: earlier.task.halted == "needs_a_person")
        assert earlier.task.committable() == (2, "halted needs_a_person -")
    async with Partition(Later(), broker=later.broker) as later:
        await later.running()
        assert later.task.committable() == (2, "")
        assert later.sums() == [1, 3]


class Halting(Tally):
    """A record `halt` finds a row that a newer release wrote."""

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        if event["name"] == "halt":
            raise Halt("row format 99")
        return super().fold(event, rows, now, record)


async def test_a_record_that_halts_can_be_skipped_and_those_before_it_are_kept() -> None:
    async with Partition(Halting(), dead_letters=DeadLetterLimit(0, 10)) as partition:
        await partition.running()
        partition.feed(*adds(1, 2), {"name": "halt"}, *adds(4))
        await consume(partition, lambda: partition.task.halted == "needs_a_person")
        assert (partition.task.committable() or (0, ""))[1] == "halted needs_a_person 2"
        assert partition.sums() == [1, 3], "what stands before it is not held up"
        partition.log.asked = Skip(2, "asked for by ann")
        await consume(partition, lambda: partition.task.mark_offset() == 4)
        assert partition.sums() == [1, 3, 7]
        assert letters(partition) == [(2, "skip", "skipped")], "and it is not one dead letter too many"
        assert partition.task.halted == ""


@pytest.mark.parametrize("trouble", [Trouble("inbox 3", "why", 7), Trouble("inbox 3", "why", None)])
def test_a_trouble_is_read_as_it_was_written(trouble: Trouble) -> None:
    assert Trouble.read("inbox 3", trouble.written()) == trouble


@pytest.mark.parametrize("metadata", ["", "halted", "halted a", "halted a b", "halted a 1 b", "else a 1"])
def test_other_metadata_is_no_trouble(metadata: str) -> None:
    assert Trouble.read("inbox 3", metadata) is None


# outputs are not repeated


def ended_with(partition: Partition, outbox: list[OutboxRecord]) -> None:
    """A changelog whose last owner wrote this outbox, and a row that nobody can read."""
    owned = ((OWNER_HEADER, b"A"),)
    records = [(b"w", b"A", owned), (b"b", encode_outbox(outbox), owned)]
    partition.broker.land(NAMES.changelog, records, 0)


async def test_a_partition_that_halts_at_every_recovery_says_its_last_outputs_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition, tries = Partition(), []

    async def halting(*args: object) -> None:
        tries.append(1)
        raise Halt("something that a newer release wrote")

    monkeypatch.setattr("tocsin.streams.engine.partition.PartitionWriter.check_mark", halting)
    ended_with(partition, [OutboxRecord("sums", b"k", b"once", (), 1)])
    async with partition:
        await partition.until(lambda: len(tries) >= 4)
    assert [record.value for record in partition.broker.values("sums")] == [b"once"]


async def test_what_was_not_acknowledged_is_said_again_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    partition, tries = Partition(), []
    said = [OutboxRecord("sums", b"k", value, (), 1) for value in (b"first", b"second")]
    produce = partition.log.produce

    async def half(outputs: Sequence[OutboxRecord]) -> None:
        tries.append(len(outputs))
        if len(tries) < 4 and outputs:
            await produce([one for one in outputs if one.value == b"first"])
            failure = LogUnavailable("no leader")
            failure.unsaid = [one for one in outputs if one.value != b"first"]
            raise failure
        await produce(outputs)

    monkeypatch.setattr(partition.log, "produce", half)
    ended_with(partition, said)
    async with partition:
        await partition.running()
    assert [record.value for record in partition.broker.values("sums")] == [b"first", b"second"]
    assert tries[:4] == [2, 1, 1, 1]


async def test_another_outbox_with_the_same_bytes_is_said_too() -> None:
    async with Partition() as partition:
        await partition.running()
        same = {"name": "a", "id": "same"}
        partition.feed(same)
        partition.offer(0, 1)
        await partition.until(lambda: partition.task.mark_offset() == 1)
        partition.feed({"name": "b", "id": "other"}, same)
        partition.offer(1, 3)
        await partition.until(lambda: partition.task.mark_offset() == 3)
    assert [json.loads(record.value or b"")["id"] for record in partition.broker.values("sums")] == [
        "same",
        "other",
        "same",
    ]


async def test_the_rows_of_a_partition_that_is_given_up_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[object] = []
    rules = Tally()
    monkeypatch.setattr(rules, "released", released.append)
    async with Partition(rules) as partition:
        await partition.running()
        assert partition.task._writer is not None
        held = partition.task._writer.state.rows
        assert isinstance(held, RowStore)
    assert released == [held]
