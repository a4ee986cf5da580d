"""How endpoints stand, as `deliver` has it: read from its changelog when somebody asks, and only on from there."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from time import monotonic
from typing import Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import open_consumer, partitions_of, read_to_end
from tocsin.schemas.errors import TocsinError
from tocsin.streams.engine.changelog import Replay, is_owner_record, row_key
from tocsin.streams.engine.kafka_log import record_from
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.rules.state import ROW_VERSION, EndpointRow, PeerEndpointRow, decode_row, encode_row
from tocsin.streams.topology import topic_name

WITHIN = 5.0
"""Seconds that one look may take; the first reads the changelog whole, and goes on at the next where it had to stop."""

PAUSE = 0.1
"""Seconds from one look to the next, at least."""

_ENDPOINTS = ("endpoint/", "peer_endpoint/")


class EndpointStates:
    """The rows of the endpoints that are not simply on and well; use as a context. Nothing is read before the first
    question."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic_name(prefix, "deliver-changelog")
        self._replays: dict[int, Replay] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._open = AsyncExitStack()
        self._turn = asyncio.Lock()
        self._look_began = float("-inf")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    async def rows(self) -> dict[str, EndpointRow] | None:
        """The rows by endpoint as they stand now, None when they cannot be read in time."""
        found = await self.all_rows()
        return None if found is None else {one.endpoint: one for one in found if not isinstance(one, PeerEndpointRow)}

    async def all_rows(self) -> list[EndpointRow] | None:
        """The same, with those of the peers whom endpoints tell. One look answers all who asked before it began: who
        was told that a command is done finds what it did."""
        asked = monotonic()
        try:
            async with asyncio.timeout(WITHIN), self._turn:
                if self._look_began < asked:
                    await asyncio.sleep(max(0.0, self._look_began + PAUSE - monotonic()))
                    began = monotonic()
                    await self._look()
                    self._look_began = began
        except (KafkaError, TimeoutError, TocsinError):
            return None
        found = (replay.rows.get(key) for replay in self._replays.values() for key, _ in replay.rows.items())
        return [row for row in found if isinstance(row, EndpointRow)]

    async def _look(self) -> None:
        if self._consumer is None:
            async with AsyncExitStack() as opening:
                consumer = await opening.enter_async_context(open_consumer(self._bootstrap, fetch_max_wait_ms=50))
                places = await partitions_of(consumer, self._topic)
                consumer.assign(places)
                await consumer.seek_to_beginning(*places)
                self._consumer, self._open = consumer, opening.pop_all()
        async for each in read_to_end(self._consumer, poll_ms=200):
            record = record_from(each, self._topic)
            key = row_key(record)
            if is_owner_record(record) or (key is not None and key.startswith(_ENDPOINTS)):
                if each.partition not in self._replays:
                    self._replays[each.partition] = Replay(RowStore(encode_row, decode_row, ROW_VERSION))
                self._replays[each.partition].read(record)
