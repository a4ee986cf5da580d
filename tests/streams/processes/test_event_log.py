"""Streams of events over a real Kafka: read once for all that listen, and a piece at a time for who comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from tests.harness.bus import Bus
from tests.harness.event_logs import event
from tests.streams.processes.test_event_stream import BEAT, BEGIN, heard, until
from tocsin.connectors.kafka import open_producer
from tocsin.schemas.codec import encode
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.ask.positions import Positions
from tocsin.streams.processes import event_log
from tocsin.streams.processes.event_log import EventLog, Piece
from tocsin.streams.processes.event_stream import EventStream, logs_in_kafka

pytestmark = pytest.mark.kafka

EVENTS = 120


class Counted:
    """A log that counts the events of a tenant that it reads."""

    def __init__(self, log: EventLog, count: Callable[[Piece], None]) -> None:
        self._log, self._count = log, count

    async def bounds(self) -> tuple[Positions, Positions]:
        return await self._log.bounds()

    async def read(self, places: Positions) -> Piece:
        piece = await self._log.read(places)
        self._count(piece)
        return piece


def counting(
    open_log: Callable[[], AbstractAsyncContextManager[EventLog]], read: list[str]
) -> Callable[[], AbstractAsyncContextManager[EventLog]]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[EventLog]:
        async with open_log() as log:
            yield Counted(log, lambda piece: read.extend(told.event.event_id for told in piece.told.get("acme", ())))

    return opened


async def happen(bootstrap: str, prefix: str, first: int, count: int) -> list[str]:
    """So many events of acme's, and as many of another's, on every partition of both topics; and some that is none."""
    async with open_producer(bootstrap) as producer:
        for number in range(first, first + count):
            topic = prefix + ("problems", "escalations")[number % 2]
            for tenant in ("acme", "globex"):
                await producer.send(topic, encode(event(tenant, number)), partition=number // 2 % 4)
            await producer.send(topic, b"what is this", partition=number // 2 % 4)
        await producer.flush()
    return [f"acme-{number}" for number in range(first, first + count)]


async def test_what_happens_is_read_once_for_all_and_who_comes_back_misses_nothing(
    bootstrap: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "PIECE_RECORDS", 20)
    stop, read, book = asyncio.Event(), list[str](), SchemaBook()
    await Bus(bootstrap, prefix, tmp_path).make_topics()
    stream = EventStream(counting(logs_in_kafka(bootstrap, prefix, book), read), stop)
    followings = [stream.follow("acme", None, BEAT) for _ in range(40)]
    stands = [(await heard(following, 0))[1] for following in followings]
    happened = await happen(bootstrap, prefix, 0, EVENTS)
    for following in followings:
        told, standing = await heard(following, EVENTS)
        assert sorted(told) == sorted(happened)
        await following.aclose()
    assert sorted(read) == sorted(happened), "each was read once, for forty"

    # another gateway, which has nothing of it in memory
    read.clear()
    other = EventStream(counting(logs_in_kafka(bootstrap, prefix, book), read), stop)
    from_there = [other.follow("acme", stands[0], BEAT), other.follow("acme", BEGIN, BEAT)]
    partly = [await heard(following, EVENTS // 3) for following in from_there]
    for following in from_there:
        await following.aclose()
    later = await happen(bootstrap, prefix, EVENTS, EVENTS)
    for told, standing in partly:
        following = other.follow("acme", standing, BEAT)
        rest, _ = await heard(following, 2 * EVENTS - len(told))
        assert sorted(told + rest) == sorted(happened + later)
        await following.aclose()
    stop.set()
    await until(lambda: all(one._tail is not None and one._tail.ended for one in (stream, other)))


async def test_what_is_large_is_read_in_smaller_pieces(
    bootstrap: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what a client does not take is bounded in bytes too."""
    await Bus(bootstrap, prefix, tmp_path).make_topics()
    await happen(bootstrap, prefix, 0, EVENTS)
    monkeypatch.setattr(event_log, "PIECE_BYTES", 1)
    told = 0
    async with logs_in_kafka(bootstrap, prefix, SchemaBook())() as log:
        standing, ends = await log.bounds()
        while standing != ends:
            piece = await log.read(standing)
            assert sum(map(len, piece.told.values())) <= event_log.TAKEN
            standing, told = piece.after, told + len(piece.told.get("acme", ()))
    assert told == EVENTS
