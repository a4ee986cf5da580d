"""Attempts that cannot be read: a dead letter at once, or, when a newer release wrote it, waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from tocsin.connectors.kafka import refusal_of
from tocsin.schemas.errors import Undecodable
from tocsin.streams.engine.dead import BATCH_UNREADABLE, KEPT_OF_REFUSED, LARGEST_LETTER, SKIPPED, Skip, dead_letter
from tocsin.streams.engine.kafka_log import record_from
from tocsin.streams.engine.phase import UNREADABLE_YET, Trouble
from tocsin.streams.engine.record import Output, Record

_log = structlog.get_logger("tocsin.dispatch")

WAIT = 2.0
"""Seconds until a record is decoded again."""
ASK_EVERY = 3
"""Waits between two looks whether a person has asked to let the record go."""


class Unreadable:
    """Deals with what cannot be read, and knows what is waited for. `send` puts a dead letter into Kafka, `skip_asked`
    is `engine.skips.skip_asked` of a partition."""

    def __init__(
        self,
        send: Callable[[Output], Awaitable[object]],
        skip_asked: Callable[[TopicPartition], Awaitable[Skip | None]],
        on_dead: Callable[[str], None],
    ) -> None:
        self._send, self._skip_asked, self._on_dead = send, skip_asked, on_dead
        self._waiting: dict[tuple[TopicPartition, int], int] = {}

    def troubles(self) -> dict[TopicPartition, Trouble]:
        """The partitions that stand still, each at the first record that is waited for."""
        found: dict[TopicPartition, Trouble] = {}
        for place, offset in sorted(self._waiting):
            found.setdefault(place, Trouble(f"attempts {place.partition}", UNREADABLE_YET, offset))
        return found

    def notes(self) -> dict[TopicPartition, str]:
        """The same, as it is committed with the offsets for `tocsin doctor`."""
        return {place: trouble.written() for place, trouble in self.troubles().items()}

    def note(self) -> str | None:
        """For an operator: what stands still, and what helps."""
        return "; ".join(trouble.note() for trouble in self.troubles().values()) or None

    async def bury(self, record: ConsumerRecord, undecodable: Undecodable) -> None:
        """It becomes a dead letter; raises KafkaError when that cannot be written."""
        found = record_from(record, record.topic)
        why = None if found.value else refusal_of(found.headers)
        if why is not None:
            await self._dead(found, "dispatch", BATCH_UNREADABLE, why)
        else:
            await self._dead(found, "dispatch", undecodable.reason.value, undecodable.detail)

    async def let_go(self, record: ConsumerRecord, detail: str) -> bool:
        """Wait a moment for the schema of a record. True when a person has asked to let it go: it is a dead letter."""
        times = self._waiting[_id(record)] = self._waiting.get(_id(record), 0) + 1
        if times == 1:
            _log.error("attempt waits for a schema", detail=detail, partition=record.partition, offset=record.offset)
        if times % ASK_EVERY == 1 and (skip := await self._asked(record)) is not None:
            await self._dead(record_from(record, record.topic), "skip", SKIPPED, skip.why)
            return True
        await asyncio.sleep(WAIT)
        return False

    def over(self, record: ConsumerRecord) -> None:
        """It could be read, was let go, or is not ours any more."""
        self._waiting.pop(_id(record), None)

    async def _asked(self, record: ConsumerRecord) -> Skip | None:
        try:
            skip = await self._skip_asked(TopicPartition(record.topic, record.partition))
        except KafkaError as error:
            _log.warning("cannot see whether a record is to be let go", error=type(error).__name__)
            return None
        return skip if skip is not None and skip.means(record_from(record, record.topic)) else None

    async def _dead(self, record: Record, stage: str, reason: str, detail: str) -> None:
        for kept in (LARGEST_LETTER, KEPT_OF_REFUSED):  # `dead` may take less than the map says
            try:
                await self._send(dead_letter(record, stage, reason, detail, kept=kept))
                break
            except MessageSizeTooLargeError:
                if kept == KEPT_OF_REFUSED:
                    raise
        _log.warning("dead letter", reason=reason, partition=record.partition, offset=record.offset)
        self._on_dead(reason)


def _id(record: ConsumerRecord) -> tuple[TopicPartition, int]:
    return TopicPartition(record.topic, record.partition), record.offset
