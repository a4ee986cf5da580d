"""Kafka in memory: partitions, the time at which the broker appends, retention, compaction. No faults of its own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from zlib import crc32

from aiokafka.partitioner import murmur2

from tocsin.streams.engine.record import Headers, Record

Item = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record to be."""

HOUR = 3_600_000_000

LAG = 24 * HOUR
"""Microseconds before a record may be compacted or deleted: longer than any pause, as 15 minutes are in production."""

_offset, _timestamp = attrgetter("offset"), attrgetter("timestamp")


@lru_cache(maxsize=65536)
def hashed(key: bytes) -> int:
    """Kafka's default partitioner, before the modulus."""
    return int(murmur2(key)) & 0x7FFFFFFF


@dataclass(slots=True)
class Place:
    """One partition: its records (with holes after compaction), start and end; `listeners` hear of each landing."""

    topic: str
    number: int
    records: list[Record] = field(default_factory=list)
    start: int = 0
    end: int = 0
    last_time: int = 0
    clean_at: int = 300
    listeners: list[Callable[[], None]] = field(default_factory=list)

    def read(self, start: int, end: int) -> list[Record]:
        """The records from offset `start` up to, not including, `end`."""
        records = self.records
        if not records or end <= records[0].offset:
            return []
        first = bisect_left(records, start, key=_offset)
        return records[first : bisect_left(records, end, lo=first, key=_offset)]


class SimulatedKafka:
    """All partitions; `clock` gives microseconds and is the broker's. Topics in `compacted` are cleaned by key; of
    those that are not in `kept` nobody reads, and only their offsets are counted."""

    def __init__(self, clock: Callable[[], int], partitions: int, compacted: set[str], kept: set[str]) -> None:
        self._clock = clock
        self._compacted, self._kept = compacted, kept
        self.partitions = partitions
        self.landed = 0
        self._print = blake2b(digest_size=16)
        self._places: dict[tuple[str, int], Place] = {}

    def place(self, topic: str, partition: int) -> Place:
        """A partition; every topic has as many."""
        found = self._places.get((topic, partition))
        if found is None:
            found = self._places[topic, partition] = Place(topic, partition)
        return found

    def places(self) -> list[Place]:
        """Every partition that was ever used."""
        return list(self._places.values())

    def partition_for(self, key: bytes | None) -> int:
        """Where Kafka's default partitioner puts a key; no key, no choice: the first."""
        return 0 if key is None else hashed(key) % self.partitions

    def land(self, topic: str, partition: int, items: Sequence[Item]) -> int:
        """Append records together, at the broker's time (in whole milliseconds, never back); the first offset."""
        place = self.place(topic, partition)
        place.last_time = now = max(place.last_time, self._clock() // 1000 * 1000)
        first = place.end
        if topic in self._kept:
            place.records += [
                Record(topic, partition, first + number, now, key, value, headers)
                for number, (key, value, headers) in enumerate(items)
            ]
        place.end += len(items)
        self.landed += len(items)
        if topic in self._compacted and len(place.records) > place.clean_at:
            self.compact(place)
        # Rows that are rewritten come in no particular order, within their batch.
        content = sum(crc32(value or b"", crc32(key or b"")) for key, value, _ in items)
        self._print.update(f"{topic}/{partition}/{first}/{now}/{content};".encode())
        for listener in place.listeners:
            listener()
        return first

    def fingerprint(self) -> str:
        """Of everything that ever landed, where and when."""
        return self._print.hexdigest()

    def compact(self, place: Place) -> None:
        """Drop what has a newer record of its key, both older than LAG, and tombstones older than twice that."""
        now = self._clock()
        newest = {record.key: record.offset for record in place.records if record.timestamp < now - LAG}
        place.records = [
            record
            for record in place.records
            if record.timestamp >= now - LAG
            or (newest[record.key] == record.offset and not (record.value is None and record.timestamp < now - 2 * LAG))
        ]
        place.clean_at = 2 * len(place.records) + 300

    def forget_before(self, place: Place, offset: int) -> None:
        """Retention: records before `offset` are gone, unless they are younger than LAG."""
        young = bisect_left(place.records, self._clock() - LAG, key=_timestamp)
        cut = min(bisect_left(place.records, offset, key=_offset), young)
        if cut:
            place.start = place.records[cut - 1].offset + 1
            del place.records[:cut]
