"""Records that a newer Tocsin wrote: their schema is asked for and waited for, and not for ever.

Whoever may write to Kafka may claim a schema of ours that nobody has. So the wait is counted for each schema id, not
for each record: a thousand forged ones stop their cases no longer than the first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tocsin.connectors.subscribe.reading import NotYetReadable, Poison, read_record
from tocsin.connectors.subscribe.received import Received
from tocsin.connectors.subscribe.troubles import Troubles

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    from tocsin.schemas.schema_book import SchemaBook

log = logging.getLogger("tocsin.subscribe")

ASK_AGAIN = 2.0
"""Seconds until a schema that was not there is asked for again."""
NOT_KNOWN_YET = "schema_not_known_yet"
"""The reason of the dead letter of a record whose schema was waited for long enough."""


class Reader:
    """Makes events of records. `learn` adds to `book` what was announced until it was called; `within` is how many
    seconds a schema is waited for, by `clock`."""

    def __init__(
        self,
        book: SchemaBook,
        learn: Callable[[], Awaitable[None]],
        troubles: Troubles,
        within: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._book, self._learn, self._troubles = book, learn, troubles
        self._within, self._clock, self._sleep = within, clock, sleep
        self._since: dict[int, float] = {}
        """When each schema id was first missed; kept when it is given up."""
        self._given_up: set[int] = set()
        self._waiting = Counter[int]()
        self._learning, self._begun, self._answered = asyncio.Lock(), 0, 0

    async def read(self, record: ConsumerRecord, topic: str, replayed: bool = False) -> Received:
        """The event in a record of `topic` (without prefix). Raises Poison."""
        try:
            return read_record(record, topic, self._book, replayed)
        except NotYetReadable as newer:
            schema_id = newer.schema_id
        since = self._since.setdefault(schema_id, self._clock())
        async with self._counted(schema_id):
            while True:
                await self._ask()  # also when it was given up before: it may have been announced since
                try:
                    told = read_record(record, topic, self._book, replayed)
                except NotYetReadable as newer:
                    left = since + self._within - self._clock()
                    if left <= 0:
                        raise self._gave_up(schema_id, newer) from None
                    self._tell(record, newer)
                    await self._sleep(min(ASK_AGAIN, left))
                else:
                    self._since.pop(schema_id, None)
                    self._given_up.discard(schema_id)
                    return told

    def _gave_up(self, schema_id: int, newer: NotYetReadable) -> Poison:
        """Said once for each schema."""
        if schema_id not in self._given_up:
            self._given_up.add(schema_id)
            log.error(
                "schema %d was announced by nobody within %g s: its records become dead letters now (%s); when this "
                "group can read them: tocsin dead replay --reason %s --even-unreadable",
                schema_id, self._within, NOT_KNOWN_YET, NOT_KNOWN_YET,
            )  # fmt: skip
        return Poison(NOT_KNOWN_YET, f"{newer}; nobody announced it within {self._within:g} s")

    def _tell(self, record: ConsumerRecord, newer: NotYetReadable) -> None:
        where = f"schema {newer.schema_id}"
        if not self._troubles.knows(where):
            place = f"{record.topic}/{record.partition}@{record.offset}"
            self._troubles.tell(
                where,
                f"a newer Tocsin wrote {place}, its schema is not known: {newer}; its case waits, at most "
                f"{self._within:g} s, then it is a dead letter ({NOT_KNOWN_YET})",
            )

    @asynccontextmanager
    async def _counted(self, schema_id: int) -> AsyncIterator[None]:
        """The trouble is over when nothing waits for this schema any more."""
        self._waiting[schema_id] += 1
        try:
            yield
        finally:
            self._waiting[schema_id] -= 1
            if not self._waiting[schema_id]:
                del self._waiting[schema_id]
                self._troubles.tell(f"schema {schema_id}", None)

    async def _ask(self) -> None:
        """Learn what was announced until now: one question for all who wait, and none that began before."""
        wanted = self._begun + 1
        async with self._learning:
            if self._answered < wanted:
                self._begun += 1
                await self._learn()
                self._answered = self._begun
