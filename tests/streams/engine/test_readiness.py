"""What `/readyz` of a worker says of its partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from aiokafka import TopicPartition

from tocsin.streams.engine.readiness import by_topic, standing_still
from tocsin.streams.engine.task import PartitionTask


@dataclass
class Partition:
    """What is asked of a task."""

    halted: str = ""
    stalled: bool = False
    moved_at: float = 100.0

    def note(self) -> str | None:
        return f"halted: {self.halted}" if self.halted else None


def place(number: int) -> TopicPartition:
    return TopicPartition("t.inbox", number)


HALTED, STALLED = Partition(halted="dead_letter_limit"), Partition(stalled=True)

TABLE = {
    "none": ([], None),
    "all well": ([Partition()], None),
    "halted": ([Partition(), HALTED], "partition 1 of t.inbox is halted: dead_letter_limit; see `tocsin doctor`"),
    "does not move": (
        [STALLED], "no progress on partition 0 of t.inbox for 40 s although 1,200 records wait; see `tocsin doctor`"
    ),
    "halted, and so not moving": (
        [Partition(halted="needs_a_person", stalled=True)],
        "partition 0 of t.inbox is halted: needs_a_person; see `tocsin doctor`",
    ),
}  # fmt: skip


def said(partitions: list[Partition]) -> str | None:
    tasks = {place(number): cast(PartitionTask, task) for number, task in enumerate(partitions)}
    return standing_still(tasks, {place(0): 1200}, 140.0)


@pytest.mark.parametrize(("partitions", "reason"), TABLE.values(), ids=TABLE)
def test_what_stands_still(partitions: list[Partition], reason: str | None) -> None:
    assert said(partitions) == reason


def test_many_are_counted() -> None:
    reason = said([HALTED] * 12)
    assert reason is not None
    assert reason.count("is halted") == 3
    assert reason.endswith("; and 9 more; see `tocsin doctor`")


def test_partitions_are_listed_by_topic() -> None:
    assert by_topic([]) == "none"
    assert by_topic({place(2), place(0), TopicPartition("t.deliveries", 5)}) == "t.deliveries 5; t.inbox 0 2"
