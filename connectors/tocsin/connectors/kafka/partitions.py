"""What a consumer holds of each partition: how much may be read of it, and which offset of it may be committed. For the
dispatcher and for subscribers."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from tocsin.connectors.kafka.settled import Settled

Place = TypeVar("Place", bound=Hashable)

RECORDS = 64
"""Records of one partition that are under way or wait for their turn: several times what one endpoint may have under
way, so that a slow one does not at once stop the others of its partition. A read may add as many again."""
SIZE = 4 * 1024 * 1024
"""Bytes of them; a read may add what one fetch holds."""


class Admission:
    """Counts what is held of each partition. `attempts` is keyed by endpoint, so a partition holds whole endpoints (and
    `problems`, keyed by case, whole cases).

    What remains: endpoints that share a partition with a slow one go on until `records` of it are held, and from then
    on at the pace of the slow one.
    """

    __slots__ = ("_held", "_records", "_size", "_sizes")

    def __init__(self, records: int = RECORDS, size: int = SIZE) -> None:
        self._records, self._size = records, size
        self._held: Counter[Hashable] = Counter()
        self._sizes: Counter[Hashable] = Counter()

    def begin(self, place: Hashable, size: int) -> None:
        """A record of `size` bytes was read from `place`."""
        self._held[place] += 1
        self._sizes[place] += size

    def end(self, place: Hashable, size: int) -> None:
        """It is dealt with, or given up."""
        self._held[place] -= 1
        self._sizes[place] -= size
        if self._held[place] <= 0:
            del self._held[place], self._sizes[place]

    def admits(self, places: Iterable[Place]) -> set[Place]:
        """Those of `places` that may be read from now."""
        return {place for place in places if self._held[place] < self._records and self._sizes[place] < self._size}


class PartitionProgress:
    """Tracks records under way: the lowest offset that is not done may be committed, nothing is passed over."""

    __slots__ = ("_next", "_under_way")

    def __init__(self) -> None:
        self._under_way: Counter[int] = Counter()
        self._next: int | None = None

    def begin(self, offset: int) -> None:
        """An offset was read. After a rebalance offsets are read again while their first turn is under way."""
        self._under_way[offset] += 1
        self._next = offset + 1

    def end(self, offset: int) -> None:
        """It is done with: its outcome is in Kafka, its handler has returned."""
        self._under_way[offset] -= 1
        if self._under_way[offset] <= 0:
            del self._under_way[offset]

    def committable(self) -> int | None:
        """The offset to read next after a crash now, or None when nothing was read yet."""
        return min(self._under_way, default=self._next)

    def under_way(self) -> int:
        return self._under_way.total()


class Offsets:
    """Commits, for the partitions that the consumer holds, what is done of each. A failed commit only means that some
    records may be worked on again. `on_commit` is called after each commit that Kafka took; `notes` are committed with
    the offsets, for operators: what stands still."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        on_commit: Callable[[], None] = lambda: None,
        notes: Callable[[], Mapping[TopicPartition, str]] = dict,
    ) -> None:
        self._consumer = consumer
        self._on_commit = on_commit
        self._notes = notes
        self._progress: dict[TopicPartition, PartitionProgress] = {}
        self._committed: dict[TopicPartition, OffsetAndMetadata] = {}
        self._newly_assigned: set[TopicPartition] = set()
        self._settled = Settled()

    def of(self, partition: TopicPartition) -> PartitionProgress:
        """The progress of one partition."""
        return self._progress.setdefault(partition, PartitionProgress())

    def lags(self) -> dict[TopicPartition, int]:
        """How many records of each partition are not done, as far as the consumer has heard of them."""
        lags = {}
        for place in self._consumer.assignment():
            progress = self._progress.get(place)  # not made: that nothing was read is known by its not being there
            end, done = self._consumer.highwater(place), None if progress is None else progress.committable()
            lags[place] = 0 if end is None or done is None else max(0, end - done)
        return lags

    def keep_only(self, partitions: set[TopicPartition]) -> None:
        """Begin anew: what is read from now on begins at the committed offsets, also of partitions that stay. Another
        process may have committed more in between (we were paused), which an old progress would take back."""
        self._progress.clear()
        self._committed.clear()
        self._newly_assigned = set(partitions)
        self._settled.joined()

    async def leaving(self) -> None:
        """The group rebalances: commit once more, and then nothing until `keep_only`."""
        await self.commit()
        await self._settled.leaving()

    async def commit(self) -> None:
        """Commit what is done and not committed yet."""
        with contextlib.suppress(TimeoutError):
            async with self._settled.commit() as allowed:
                if allowed:
                    await self._commit()

    async def _commit(self) -> None:
        held, notes = self._consumer.assignment(), self._notes()
        done = {
            partition: OffsetAndMetadata(at, notes.get(partition, ""))
            for partition, progress in self._progress.items()
            if partition in held and (at := progress.committable()) is not None
        }
        done = {partition: at for partition, at in done.items() if at != self._committed.get(partition)}
        if done:
            with contextlib.suppress(KafkaError):
                await self._consumer.commit(done)
                self._committed.update(done)
                self._on_commit()

    async def hold_new(self) -> None:
        """Commit where we stand in newly assigned partitions even if nothing was read there, so that a missing offset
        means a lost one."""
        if not self._newly_assigned:
            return
        partitions, self._newly_assigned = self._newly_assigned, set()
        with contextlib.suppress(KafkaError, TimeoutError):
            missing = [place for place in partitions if await self._consumer.committed(place) is None]
            starts = {place: OffsetAndMetadata(await self._consumer.position(place), "") for place in missing}
            # Where something was read meanwhile, its own progress says what may be committed.
            unread = {place: start for place, start in starts.items() if place not in self._progress}
            async with self._settled.commit() as allowed:
                if unread and allowed:
                    await self._consumer.commit(unread)
