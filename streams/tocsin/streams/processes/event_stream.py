"""A `StreamPort` over Kafka: all streams of a gateway share one reader of what happens now.

Who comes back with a position from before what the gateway has in memory is told from Kafka until there, by a second
reader that goes from one to the next: a piece for each, in the order in which they asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from time import monotonic
from typing import Self

import structlog
from aiokafka.errors import ConsumerStoppedError, KafkaError

from tocsin.connectors.kafka import open_consumer
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.ask.positions import Happened, Positions, text_of
from tocsin.streams.processes.event_log import FETCHED, EventLog, KafkaLog, Piece
from tocsin.streams.processes.event_ring import EventRing, clamped, missing, moved_on

_log = structlog.get_logger("tocsin.gateway")

LINGER = 60.0
"""Seconds for which reading goes on after the last stream, for who comes back."""

LOOKED_AT = 30.0
"""Seconds after which it is looked whether the topics have other partitions by now."""

SHARED = 8
"""Pieces that were read for one who is behind, kept for others who stand at the same place."""

IN_A_ROW = 4
"""Events that a stream is told before others have their turn."""

MOMENT = 1.0
NOTHING = Piece({}, {}, 0)

OpenLog = Callable[[], AbstractAsyncContextManager[EventLog]]


def logs_in_kafka(bootstrap: str, prefix: str, book: SchemaBook) -> OpenLog:
    """Readers of the topics with this prefix. Raises KafkaError when one is opened."""

    @asynccontextmanager
    async def open_log() -> AsyncIterator[EventLog]:
        async with open_consumer(
            bootstrap, max_partition_fetch_bytes=FETCHED, fetch_max_bytes=FETCHED, auto_offset_reset="earliest"
        ) as consumer:
            yield KafkaLog(consumer, prefix, book)

    return open_log


class EventStream:
    """What happens, from Kafka."""

    def __init__(self, open_log: OpenLog, stop: asyncio.Event) -> None:
        """With `stop` every stream ends: a gateway that ends waits for nobody who would listen for ever."""
        self._open_log, self._stop = open_log, stop
        self._tail: _Tail | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ended: object) -> None:
        """The reader is closed, whatever it waits for."""
        if self._tail is not None:
            await self._tail.end()

    async def follow(self, tenant: str, positions: Positions | None, beat: float) -> AsyncGenerator[Happened, None]:
        """As StreamPort. It ends when Kafka is away: the client comes back and goes on."""
        if self._tail is None or self._tail.ended:
            self._tail = _Tail(self._open_log, self._stop)
        tail = self._tail
        with tail.used():
            try:
                standing = await tail.placed(positions)
                if standing is None:
                    return
                yield None, standing
                async with aclosing(_told(tail, tenant, standing, beat)) as told:
                    async for happened in told:
                        yield happened
            except (KafkaError, ConsumerStoppedError, TimeoutError) as error:
                _log.warning("a stream of events ends since Kafka cannot be read", error=repr(error))


async def _told(tail: _Tail, tenant: str, standing: Positions, beat: float) -> AsyncGenerator[Happened, None]:
    """What happens to the tenant, from where `standing` says, which goes along."""
    last, in_a_row = monotonic(), 0
    async with aclosing(tail.pieces(standing)) as pieces:
        async for piece in pieces:
            for told in piece.told.get(tenant, ()):
                places = standing.setdefault(told.topic, {})
                if told.offset < places.get(told.partition, 0):
                    continue  # it was told before the stream came to this piece
                places[told.partition] = told.offset + 1
                yield told.event, standing
                last, in_a_row = monotonic(), in_a_row + 1
                if in_a_row % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            moved_on(standing, piece.after)
            if monotonic() - last >= beat:
                yield None, standing
                last = monotonic()


class _Tail:
    """The newest of what happens, read while somebody is told of it; one that has ended stays so."""

    def __init__(self, open_log: OpenLog, stop: asyncio.Event) -> None:
        self._open_log, self._stop = open_log, stop
        self._users, self._left_at = 0, monotonic()
        self._ring = EventRing({})
        self._older: EventLog | None = None
        self._opened, self._news = asyncio.Event(), asyncio.Event()
        self._turns = asyncio.Lock()
        self._shared: OrderedDict[str, Piece] = OrderedDict()
        self.ended = False
        self._task = asyncio.create_task(self._run())

    async def end(self) -> None:
        """Read nothing more; returns when the reader is closed."""
        self._task.cancel()
        await asyncio.wait([self._task])

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """It goes on as long as the block."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._left_at = monotonic()

    async def placed(self, said: Positions | None) -> Positions | None:
        """Where a stream begins that says so; None when there is nothing to read. Raises KafkaError."""
        await self._opened.wait()
        async with self._turns if said is not None else contextlib.nullcontext():
            if self._older is None:
                return None
            if said is None:
                return {topic: dict(offsets) for topic, offsets in self._ring.after.items()}
            return clamped(said, *await self._older.bounds())

    async def pieces(self, standing: Positions) -> AsyncGenerator[Piece, None]:
        """Each piece that has something behind where `standing` says then, until the tail ends; one without anything
        now and then, when nothing happens. Raises KafkaError."""
        number: int | None = None
        while not self.ended:
            if number is None or number < self._ring.first:
                number = self._ring.joined(standing)
            if number is None:
                yield await self._piece_behind(standing)
            elif number < self._ring.end:
                number += 1
                yield self._ring[number - 1]
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(MOMENT):
                        await self._news.wait()
                        continue
                yield NOTHING

    async def _piece_behind(self, standing: Positions) -> Piece:
        """The next piece of what is in the ring no longer."""
        async with self._turns:
            places = missing(standing, self._ring.begin)
            key = text_of(places)
            piece = self._shared.get(key)
            if piece is None:
                if self._older is None:
                    return NOTHING
                piece = await self._older.read(places)
                if piece.after != places:
                    self._shared[key] = piece
                while len(self._shared) > SHARED:
                    self._shared.popitem(last=False)
            await asyncio.sleep(0)
            return piece

    async def _run(self) -> None:
        try:
            async with self._open_log() as log, self._open_log() as self._older:
                _, ends = await log.bounds()
                self._ring = EventRing(ends)
                self._opened.set()
                await self._read(log)
        except Exception as error:
            # any exception: every stream ends, and who comes back begins another tail
            known = isinstance(error, KafkaError | TimeoutError)
            _log.warning(
                "events cannot be read; streams end, and their clients return", error=repr(error), exc_info=not known
            )
        finally:
            self.ended, self._older = True, None
            self._opened.set()
            self._news.set()

    async def _read(self, log: EventLog) -> None:
        looked_at = monotonic()
        while not self._stop.is_set() and (self._users or monotonic() - self._left_at < LINGER):
            piece = await log.read(self._ring.after)
            if missing(piece.after, self._ring.after):
                return  # a topic was made again: who comes back is told from there
            if piece.after != self._ring.after:
                self._ring.add(piece)
                self._news.set()
                self._news = asyncio.Event()
            await asyncio.sleep(0)
            if monotonic() - looked_at > LOOKED_AT:
                begins, _ = await log.bounds()
                if any(begins[topic].keys() != offsets.keys() for topic, offsets in self._ring.after.items()):
                    return  # who comes back is told of the partition that is new, whole
                looked_at = monotonic()
