"""What happens, in memory: an `EventLog` whose records a test appends, deletes and counts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness.stored import problem
from tocsin.schemas.events import Event, ProblemOpened, ProblemResolved, ThreadContext
from tocsin.streams.ask.positions import Positions
from tocsin.streams.processes.event_log import EventLog, Piece, Told

RECORD = 100
"""Bytes that a record counts here."""


def event(tenant: str, number: int) -> Event:
    """A short one."""
    base: dict[str, Any] = {"tenant": tenant, "occurred_at": number, "recorded_at": number}
    if number % 2:
        return ProblemResolved(event_id=f"{tenant}-{number}", case="case-1", by="ann", why="", **base)
    thread = ThreadContext(thread_id="t-1", first_seen=1, last_seen=2)
    return ProblemOpened(
        event_id=f"{tenant}-{number}", case="case-1", report=f"p-{number}", problem=problem("?"), thread=thread, **base
    )


class MemoryTopics:
    """Partitions of records. `read` counts how often each record was read, `turns` has the places of each reading,
    `open` is how many readers there are; `broken` is raised by whoever opens one or reads."""

    def __init__(self, partitions: int = 2, piece: int = 5) -> None:
        self.piece = piece
        self.records: dict[tuple[str, int], list[Event]] = {
            (topic, number): [] for topic in ("problems", "escalations") for number in range(partitions)
        }
        self.begins: Counter[tuple[str, int]] = Counter()
        self.read: Counter[tuple[str, int, int]] = Counter()
        self.turns: list[Positions] = []
        self.open = 0
        self.broken: Exception | None = None
        self.news = asyncio.Event()

    def append(self, place: tuple[str, int], *events: Event) -> None:
        """They happen now."""
        self.records[place] += events
        self.news.set()

    def bounds(self) -> tuple[Positions, Positions]:
        """As EventLog."""
        begins: Positions = {}
        ends: Positions = {}
        for (topic, partition), records in self.records.items():
            begins.setdefault(topic, {})[partition] = self.begins[topic, partition]
            ends.setdefault(topic, {})[partition] = len(records)
        return begins, ends

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[EventLog]:
        """For an `EventStream`."""
        await asyncio.sleep(0)
        self._raise()
        self.open += 1
        try:
            yield _MemoryLog(self)
        finally:
            self.open -= 1

    def _raise(self) -> None:
        if self.broken is not None:
            raise self.broken

    async def take(self, places: Positions) -> Piece:
        """So many records of these places at most, or nothing after a moment."""
        self._raise()
        self.turns.append({topic: dict(offsets) for topic, offsets in places.items()})
        piece = self._taken(places)
        if piece.after == places:
            self.news.clear()
            await asyncio.wait([asyncio.ensure_future(self.news.wait())], timeout=0.01)
            piece = self._taken(places)
        self._raise()
        return piece

    def _taken(self, places: Positions) -> Piece:
        told: dict[str, list[Told]] = {}
        after: Positions = {}
        left = self.piece
        for topic, offsets in places.items():
            for partition, offset in offsets.items():
                records = self.records[topic, partition]
                # as Kafka: what is not there is passed over, also what is beyond the end of a topic made again
                begin = self.begins[topic, partition]
                at = offset if begin <= offset <= len(records) else begin
                end = min(at + left, len(records))
                left -= end - at
                after.setdefault(topic, {})[partition] = end
                for number in range(at, end):
                    self.read[topic, partition, number] += 1
                    happened = records[number]
                    told.setdefault(happened.tenant, []).append(Told(topic, partition, number, happened))
        return Piece(told, after, RECORD * (self.piece - left))


class _MemoryLog:
    def __init__(self, topics: MemoryTopics) -> None:
        self._topics = topics

    async def bounds(self) -> tuple[Positions, Positions]:
        return self._topics.bounds()

    async def read(self, places: Positions) -> Piece:
        return await self._topics.take(places)
