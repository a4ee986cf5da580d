"""Nothing that is under way is ever committed past, in whatever order attempts begin and end."""

from __future__ import annotations

from typing import Any

from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.dispatcher.partitions import Offsets, PartitionProgress


def test_the_lowest_attempt_under_way_holds_the_commit_back() -> None:
    progress = PartitionProgress()
    assert progress.committable() is None
    for offset in (5, 6, 7):
        progress.begin(offset)
    progress.end(5)
    progress.end(7)
    assert progress.committable() == 6
    progress.end(6)
    assert progress.committable() == 8


def test_attempts_read_again_after_a_rebalance_are_not_passed_over() -> None:
    progress = PartitionProgress()
    for offset in (490, 500, 490):  # 490 is under way, fetching went on to 500, then began again at the commit
        progress.begin(offset)
    progress.end(490)
    assert (progress.committable(), progress.under_way()) == (490, 2)
    progress.end(490)
    assert progress.committable() == 500


@given(st.lists(st.integers(0, 20), max_size=20), st.randoms())
def test_any_order_of_begin_and_end(offsets: list[int], chance: object) -> None:
    progress, under_way = PartitionProgress(), list[int]()
    for offset in offsets:
        progress.begin(offset)
        under_way.append(offset)
        if chance.random() < 0.5:  # type: ignore[attr-defined]
            ended = under_way.pop(chance.randrange(len(under_way)))  # type: ignore[attr-defined]
            progress.end(ended)
        assert progress.committable() == (min(under_way) if under_way else offset + 1)


class CommittingConsumer:
    """Holds one partition, and notes what is committed."""

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        self.committed_offsets: list[int] = []

    def assignment(self) -> set[TopicPartition]:
        return {self.place}

    async def commit(self, offsets: dict[TopicPartition, Any]) -> None:
        self.committed_offsets += [one.offset for one in offsets.values()]


async def test_a_paused_dispatcher_takes_back_nothing_that_another_has_committed() -> None:
    place = TopicPartition("attempts", 0)
    consumer = CommittingConsumer(place)
    offsets = Offsets(consumer)
    offsets.keep_only({place})
    offsets.of(place).begin(99)
    offsets.of(place).end(99)
    await offsets.commit()
    offsets.keep_only({place})  # after a pause, in which another one committed 200
    await offsets.commit()
    assert consumer.committed_offsets == [100]
