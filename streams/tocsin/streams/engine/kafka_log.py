"""The log on Kafka: one idempotent producer for changelogs and outputs, plain consumers for reading back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import lru_cache

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.outbox import Spoken
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Output, Record

_log = structlog.get_logger("tocsin.engine")

LARGEST_BATCH = 4 * 1024 * 1024
"""Bytes of the largest record batch that we write: `max.message.bytes` of changelogs and of `dead`."""

_READ_STALL = 30.0


def record_from(found: object, topic: str) -> Record:
    """A consumer's record as the engine's; Kafka's milliseconds become microseconds."""
    return Record(
        topic,
        found.partition,  # type: ignore[attr-defined]
        found.offset,  # type: ignore[attr-defined]
        found.timestamp * 1000,  # type: ignore[attr-defined]
        found.key,  # type: ignore[attr-defined]
        found.value,  # type: ignore[attr-defined]
        found.headers,  # type: ignore[attr-defined]
    )


@lru_cache(maxsize=65536)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


class KafkaLog:
    """Reads and writes for all partitions of one rule set in one worker; see `ports.Log` for the guarantees.

    `prefix` goes before every topic that a rule set names; `input_topic` is where ticks go.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        prefix: str,
        input_topic: str,
        failpoint: Callable[[str], None] = lambda place: None,
    ) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._input_topic = input_topic
        self._failpoint = failpoint
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self._probe: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect; raises aiokafka's KafkaConnectionError when no broker answers."""
        self._probe = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        await self._probe.start()
        self._producer = await self._connect()

    async def stop(self) -> None:
        """Close the connections; what was not acknowledged may still arrive, and is void for the next owner."""
        if self._probe is not None:
            await self._probe.stop()
        if self._producer is not None:
            await _close(self._producer)

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=LARGEST_BATCH,
            max_request_size=LARGEST_BATCH + 64 * 1024,
            request_timeout_ms=30_000,
        )
        await producer.start()
        return producer

    async def renew_producer(self) -> None:
        """Replace a producer that can no longer send (out of sequence, fenced): its errors are final."""
        async with self._renewing:
            old = self._producer
            if old is None or not _is_broken(old):
                return
            _log.warning("producer renewed")
            self._producer = await self._connect()
            await _close(old)

    async def append(self, topic: str, partition: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
        producer = self._current()
        batch = producer.create_batch()
        headers = [(OWNER_HEADER, owner)]
        for entry in entries:
            if batch.append(key=entry.key, value=entry.value, timestamp=None, headers=headers) is None:
                raise ValueError(f"a changelog batch of {len(entries)} records does not fit {LARGEST_BATCH} bytes")
        metadata = (await self._send(producer, [(batch, topic, partition)]))[0]
        offset = getattr(metadata, "offset", None)
        return offset if offset is not None and offset >= 0 else None

    async def speak(self, outputs: Sequence[Spoken]) -> None:
        if not outputs:
            return
        producer = self._current()
        await self._learn(producer, {self._prefix + output.topic for output in outputs})
        for ready in self._batches(producer, outputs):
            await self._send(producer, ready)
            self._failpoint("outputs_half_written")

    async def _learn(self, producer: AIOKafkaProducer, topics: set[str]) -> None:
        """Have the partition count of every topic; a topic that is missing is waited for, not created."""
        for topic in topics:
            if producer.client.cluster.partitions_for_topic(topic):
                continue
            try:
                await producer.client._wait_on_metadata(topic)
            except KafkaError as error:
                raise LogUnavailable(f"topic {topic} does not exist; run: tocsin topics apply") from error

    def _batches(
        self, producer: AIOKafkaProducer, outputs: Sequence[Spoken]
    ) -> Sequence[list[tuple[BatchBuilder, str, int]]]:
        """Outputs as record batches, one per partition and round; a second round only where one batch was full."""
        rounds: list[dict[tuple[str, int], BatchBuilder]] = []
        at: dict[tuple[str, int], int] = {}
        for output in outputs:
            topic = self._prefix + output.topic
            partition = 0 if output.key is None else self.partition_for(topic, output.key)
            if partition is None:
                raise LogUnavailable(f"topic {topic} does not exist; run: tocsin topics apply")
            place = (topic, partition)
            turn = at.get(place, 0)
            while True:
                if turn == len(rounds):
                    rounds.append({})
                batch = rounds[turn].get(place)
                if batch is None:
                    batch = rounds[turn][place] = producer.create_batch()
                added = batch.append(
                    key=output.key, value=output.value, timestamp=output.timestamp, headers=list(output.headers)
                )
                if added is not None:
                    break
                if batch.record_count() == 0:
                    raise ValueError(f"an output of {output.size()} bytes does not fit any batch")
                turn += 1
            at[place] = turn
        return [[(batch, *place) for place, batch in turn.items()] for turn in rounds]

    async def _send(self, producer: AIOKafkaProducer, ready: Sequence[tuple[BatchBuilder, str, int]]) -> list[object]:
        try:
            futures = []
            for batch, topic, partition in ready:
                batch.close()
                futures.append(await producer.send_batch(batch, topic, partition=partition))
            return list(await asyncio.gather(*futures))
        except (KafkaError, AssertionError, OSError) as error:
            await self.renew_producer()
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def produce_tick(self, partition: int, tick: Output) -> None:
        producer = self._current()
        batch = producer.create_batch()
        batch.append(key=tick.key, value=tick.value, timestamp=None, headers=list(tick.headers))
        await self._send(producer, [(batch, self._input_topic, partition)])
        self._failpoint("tick_written")

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        if start >= end:
            return
        place = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=LARGEST_BATCH + 64 * 1024,
            fetch_max_wait_ms=50,
        )
        try:
            await consumer.start()
            consumer.assign([place])
            consumer.seek(place, start)
            position = start
            while position < end:
                found = await asyncio.wait_for(consumer.getmany(place, timeout_ms=500), _READ_STALL)
                for record in found.get(place, ()):
                    if record.offset < end:
                        yield record_from(record, topic)
                position = await asyncio.wait_for(consumer.position(place), _READ_STALL)
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"reading {topic}/{partition}: {type(error).__name__}: {error}") from error
        finally:
            await consumer.stop()

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place = TopicPartition(topic, partition)
        assert self._probe is not None
        try:
            start = await self._probe.beginning_offsets([place])
            end = await self._probe.end_offsets([place])
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"offsets of {topic}/{partition}: {type(error).__name__}: {error}") from error
        return start[place], end[place]

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        async for record in self.read(topic, partition, offset, offset + 1):
            if record.offset == offset:
                return record
        return None

    def partition_for(self, topic: str, key: bytes) -> int | None:
        partitions = self._current().client.cluster.partitions_for_topic(topic)
        return None if not partitions else _hash(key) % len(partitions)

    async def know_topics(self, topics: Sequence[str]) -> list[str]:
        """Fetch the metadata of the topics (with prefix); returns those that do not exist."""
        client = self._current().client
        for topic in topics:
            client.add_topic(topic)
        await client.force_metadata_update()
        return [topic for topic in topics if not client.cluster.partitions_for_topic(topic)]

    def _current(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise LogUnavailable("the log is not started")
        return self._producer


def _is_broken(producer: AIOKafkaProducer) -> bool:
    sender = producer._sender.sender_task
    return sender is None or sender.done() or producer._message_accumulator._exception is not None


async def _close(producer: AIOKafkaProducer) -> None:
    """Close without waiting for ever: a broken producer's flush may never end."""
    try:
        await asyncio.wait_for(producer.stop(), 5.0)
    except Exception as error:
        _log.warning("producer did not close cleanly", error=type(error).__name__)
