"""Step 3 of the write order on Kafka: the outputs of a batch, also those that their topic refuses for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import structlog
from aiokafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from tocsin.connectors.kafka import BatchProducer, ProducerReplaced, TopicNotThere
from tocsin.streams.engine.dead import DEAD_TOPIC, KEPT_OF_REFUSED, dead_letter
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Record

_log = structlog.get_logger("tocsin.engine")

OUTPUT_BATCH = 1_500_000
"""Bytes after which outputs begin another record batch: below every topic's `max.message.bytes` (2 MiB)."""

REFUSED_FOR_GOOD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError)
"""What Kafka says of a record that it will not take however often it is sent."""


@lru_cache(maxsize=65536)
def key_hash(key: bytes) -> int:
    """What Kafka's default partitioner makes of a key, before it is divided by the number of partitions."""
    return int(murmur2(key)) & 0x7FFFFFFF


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Whatever Kafka's client raises is one thing to the write order."""
    try:
        yield
    except TopicNotThere as missing:
        raise LogUnavailable(f"topic {missing} does not exist; run: tocsin topics apply") from missing
    except (KafkaError, ProducerReplaced, OSError, TimeoutError) as error:
        raise LogUnavailable(f"{what}: {type(error).__name__}: {error}") from error


@dataclass(slots=True)
class _Batch:
    """A record batch on its way to one partition, and which outputs are in it."""

    topic: str
    partition: int
    builder: BatchBuilder
    outputs: list[int] = field(default_factory=list)


class OutputProducer:
    """Produces outboxes. Nothing is sent unless every topic is there, and `dead` is sent first; an output that its
    topic refuses for good becomes a dead letter."""

    def __init__(self, producer: BatchProducer, prefix: str, failpoint: Callable[[str], None]) -> None:
        self._producer, self._prefix, self._failpoint = producer, prefix, failpoint
        self._counts: dict[str, int] = {}

    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        """As `ports.Log` has it."""
        left = set(range(len(outputs)))
        try:
            # A topic that is missing is found before the first write: else each try would repeat all of the others.
            await self._look_up({output.topic for output in outputs})
            dead = [number for number, output in enumerate(outputs) if output.topic == DEAD_TOPIC]
            others = [number for number, output in enumerate(outputs) if output.topic != DEAD_TOPIC]
            for ready in [*await self._batches(outputs, dead), *await self._batches(outputs, others)]:
                await self._send(ready, outputs, left)
                self._failpoint("outputs_half_written")
        except LogUnavailable as failure:
            failure.unsaid = [outputs[number] for number in sorted(left)]
            raise

    async def _look_up(self, topics: Iterable[str]) -> None:
        for topic in topics:
            with unavailable(f"topic {self._prefix}{topic}"):
                self._counts[topic] = len(await self._producer.partitions(self._prefix + topic))

    async def _batches(self, outputs: Sequence[OutboxRecord], chosen: Iterable[int]) -> list[list[_Batch]]:
        """Outputs as record batches, one per partition and round; a second round only where one batch was full."""
        rounds: list[dict[tuple[str, int], _Batch]] = []
        at: dict[tuple[str, int], int] = {}
        for number in chosen:
            output = outputs[number]
            place = self._place_of(output)
            turn = at.get(place, 0)
            while True:
                if turn == len(rounds):
                    rounds.append({})
                batch = rounds[turn].get(place)
                if batch is None:
                    batch = rounds[turn][place] = _Batch(self._prefix + output.topic, place[1], await self._new_batch())
                if not batch.outputs or batch.builder.size() + output.size() <= OUTPUT_BATCH:
                    break
                turn += 1
            if not _appended(batch.builder, output):
                await self._bury(output, f"{output.size()} bytes do not fit any batch")
            batch.outputs.append(number)
            at[place] = turn
        return [[batch for batch in turn.values() if batch.builder.record_count()] for turn in rounds]

    def _place_of(self, output: OutboxRecord) -> tuple[str, int]:
        return output.topic, 0 if output.key is None else key_hash(output.key) % self._counts[output.topic]

    async def _new_batch(self) -> BatchBuilder:
        with unavailable("no producer"):
            return (await self._producer.started()).create_batch()

    async def _send(self, ready: Sequence[_Batch], outputs: Sequence[OutboxRecord], left: set[int]) -> None:
        taken: list[asyncio.Future[RecordMetadata]] = []
        try:
            await self._store(ready, taken)
        except LogUnavailable as failure:
            for batch, future in zip(ready, taken, strict=False):
                if future.done() and not future.cancelled() and future.exception() is None:
                    left.difference_update(batch.outputs)
            if not isinstance(failure.__cause__, REFUSED_FOR_GOOD):
                raise
            for number in [number for batch in ready for number in batch.outputs if number in left]:
                await self._send_alone(outputs[number])
                left.discard(number)
        else:
            for batch in ready:
                left.difference_update(batch.outputs)

    async def _send_alone(self, output: OutboxRecord, *, bury: bool = True) -> None:
        """One output by itself, so that it is known which one is refused."""
        batch = _Batch(self._prefix + output.topic, self._place_of(output)[1], await self._new_batch())
        _appended(batch.builder, output)
        try:
            await self._store([batch], [])
        except LogUnavailable as failure:
            if not bury or not isinstance(failure.__cause__, REFUSED_FOR_GOOD):
                raise
            await self._bury(output, f"{type(failure.__cause__).__name__}: {failure.__cause__}")

    async def _bury(self, output: OutboxRecord, why: str) -> None:
        """Put a dead letter in the place of an output; one that is a dead letter itself is cut down."""
        refused = Record(self._prefix + output.topic, -1, -1, 0, output.key, output.value, output.headers)
        letter = dead_letter(refused, "produce", "refused_by_topic", why, kept=KEPT_OF_REFUSED)
        await self._look_up([DEAD_TOPIC])
        _log.error("output refused by its topic; a dead letter stands for it", topic=output.topic, detail=why)
        await self._send_alone(OutboxRecord.of(letter, output.timestamp * 1000), bury=False)

    async def _store(self, ready: Sequence[_Batch], taken: list[asyncio.Future[RecordMetadata]]) -> None:
        with unavailable("writing"):
            await self._producer.send([(batch.builder, batch.topic, batch.partition) for batch in ready], taken)


def _appended(batch: BatchBuilder, output: OutboxRecord) -> bool:
    found = batch.append(key=output.key, value=output.value, timestamp=output.timestamp, headers=list(output.headers))
    return found is not None
