"""The topic `answers` as those follow it who wait for what became of a command: the gateway and the command line.

It is read from its end, or from a little before, and never whole: what is remembered has a bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from tocsin.connectors.commands.command import REMEMBERED
from tocsin.connectors.kafka import offsets_since, open_consumer, partitions_of
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import CommandAnswered
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.lifecycle import beside
from tocsin.streams.topology import topic_name

_log = structlog.get_logger("tocsin.answers")

LOOKED_BACK = 2_500
"""The most records of each partition that are read when following begins."""

AGAIN_AFTER = 1.0
"""Seconds after which a topic that could not be read is read again."""


class AnswersTopic:
    """Follows `answers` while it is open. `back` is how far it looks back when it opens, in seconds: what was answered
    before that is not known here."""

    def __init__(self, bootstrap: str, prefix: str, book: SchemaBook, back: float = 0.0) -> None:
        self._bootstrap, self._topic = bootstrap, topic_name(prefix, "answers")
        self._book, self._back = book, back
        self._latest: OrderedDict[str, CommandAnswered] = OrderedDict()
        self._waiting: defaultdict[str, set[asyncio.Future[CommandAnswered]]] = defaultdict(set)
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> AnswersTopic:
        """Returns once no later answer can be missed. Raises KafkaError."""
        async with contextlib.AsyncExitStack() as opening:
            consumer = await opening.enter_async_context(open_consumer(self._bootstrap, fetch_max_wait_ms=100))
            await self._seek(consumer)
            await opening.enter_async_context(beside(self._follow(consumer)))
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()

    def latest(self, command: str) -> CommandAnswered | None:
        """The last answer to the command of this event id that was heard of."""
        return self._latest.get(command)

    async def answer(self, command: str, within: float) -> CommandAnswered | None:
        """The answer to a command, as soon as it comes; None when none has come `within` so many seconds."""
        known = self._latest.get(command)
        if known is not None:
            return known
        coming: asyncio.Future[CommandAnswered] = asyncio.get_running_loop().create_future()
        self._waiting[command].add(coming)
        try:
            async with asyncio.timeout(within):
                return await coming
        except TimeoutError:
            return None
        finally:
            self._waiting[command].discard(coming)
            if not self._waiting[command]:
                del self._waiting[command]

    async def _seek(self, consumer: AIOKafkaConsumer) -> None:
        places = await partitions_of(consumer, self._topic)
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        first = ends
        if self._back > 0:
            since = await offsets_since(consumer, places, int((time.time() - self._back) * 1000))
            first = {place: max(since[place], ends[place] - LOOKED_BACK) for place in places}
        for place in places:
            consumer.seek(place, first[place])

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    self._hear(records)
            except Exception as error:
                # any exception: who waits is told that no answer came, and the next answers must be heard again
                known = isinstance(error, KafkaError)
                _log.warning("answers not readable", error=type(error).__name__, exc_info=not known)
                await asyncio.sleep(AGAIN_AFTER)

    def _hear(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            try:
                event = decode(record.value, book=self._book)
            except Undecodable:
                continue  # of a later release, or not ours: who waits for it is told that no answer came
            if isinstance(event, CommandAnswered):
                self._latest[event.command] = event
                self._latest.move_to_end(event.command)
                for coming in self._waiting.get(event.command, ()):
                    if not coming.done():
                        coming.set_result(event)
        while len(self._latest) > REMEMBERED:
            self._latest.popitem(last=False)
