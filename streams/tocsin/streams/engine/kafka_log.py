"""The log on Kafka: one idempotent producer for changelogs and outputs, plain consumers for reading back."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import lru_cache
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.outbox import Spoken
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Output, Record
from tocsin.streams.topology import CARRIER_LIMIT, LARGEST_BATCH

_log = structlog.get_logger("tocsin.engine")

SPOKEN_BATCH = 1_500_000
"""Bytes after which outputs begin another record batch: below every topic's `max.message.bytes` (2 MiB)."""

_READ_STALL = 30.0
"""Seconds without progress after which a read is given up: what it waits for may be gone (topic made again)."""


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
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        # How many partitions a topic has is fixed once (DESIGN.md section 3), so it is asked once.
        self._counts: dict[str, int] = {}

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
            max_request_size=CARRIER_LIMIT,
            request_timeout_ms=30_000,
        )
        await producer.start()
        return producer

    async def _renew(self, failed: AIOKafkaProducer) -> None:
        """Replace a producer of which a batch failed for good.

        Its sequence number is used up, so everything later to that partition would fail as out of sequence
        (aiokafka issue 1017), while the producer itself looks well.
        """
        async with self._renewing:
            if self._producer is not failed:
                return
            self._producer = await self._connect()
            _log.warning("producer renewed")
            await _close(failed)

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
                if batch.record_count() == 0 or batch.size() + output.size() <= SPOKEN_BATCH:
                    break
                turn += 1
            added = batch.append(
                key=output.key, value=output.value, timestamp=output.timestamp, headers=list(output.headers)
            )
            if added is None:
                raise ValueError(f"an output of {output.size()} bytes does not fit any batch")
            at[place] = turn
        return [[(batch, *place) for place, batch in turn.items()] for turn in rounds]

    async def _send(self, producer: AIOKafkaProducer, ready: Sequence[tuple[BatchBuilder, str, int]]) -> list[object]:
        futures: list[asyncio.Future[object]] = []
        try:
            for batch, topic, partition in ready:
                batch.close()
                # aiokafka lets all who wait for one partition race, and takes the whole time waited off their patience
                # at every lost race (`add_batch`): under load they time out within seconds. Here they queue up.
                async with self._turns[topic, partition]:
                    future = await producer.send_batch(batch, topic, partition=partition)
                future.add_done_callback(_look_at)
                futures.append(future)
            # Not gather: it would cancel the batches with us, and aiokafka's sender dies of a cancelled batch.
            await asyncio.wait(futures)
            return [future.result() for future in futures]
        except (KafkaError, AssertionError, OSError) as error:
            await self._after_failure(producer, futures)
            raise LogUnavailable(f"{type(error).__name__}: {error}") from error

    async def _after_failure(self, producer: AIOKafkaProducer, futures: Sequence[asyncio.Future[object]]) -> None:
        if not (_is_broken(producer) or any(future.done() and future.exception() for future in futures)):
            return
        try:
            await self._renew(producer)
        except (KafkaError, OSError) as error:
            raise LogUnavailable(f"no new producer: {type(error).__name__}: {error}") from error

    async def produce_tick(self, partition: int, tick: Output) -> None:
        producer = self._current()
        batch = producer.create_batch()
        batch.append(key=tick.key, value=tick.value, timestamp=None, headers=list(tick.headers))
        await self._send(producer, [(batch, self._input_topic, partition)])
        self._failpoint("tick_written")

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        if start >= end:
            return
        place = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="none",  # a range that is gone must be an error, never another range
            max_partition_fetch_bytes=CARRIER_LIMIT,
            fetch_max_wait_ms=50,
        )
        try:
            await consumer.start()
            consumer.assign([place])
            consumer.seek(place, start)
            position, moved_at = start, monotonic()
            while position < end:
                found = await asyncio.wait_for(consumer.getmany(place, timeout_ms=500), _READ_STALL)
                for record in found.get(place, ()):
                    if record.offset < end:
                        yield record_from(record, topic)
                before, position = position, await asyncio.wait_for(consumer.position(place), _READ_STALL)
                if position != before:
                    moved_at = monotonic()
                elif monotonic() - moved_at > _READ_STALL:
                    raise TimeoutError(f"nothing at offset {position} although {end} was promised")
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
        found = [record async for record in self.read(topic, partition, offset, offset + 1)]
        return found[0] if found and found[0].offset == offset else None

    def partition_for(self, topic: str, key: bytes) -> int | None:
        count = self._counts.get(topic)
        if not count:
            count = len(self._current().client.cluster.partitions_for_topic(topic) or ())
            self._counts[topic] = count
        return _hash(key) % count if count else None

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


def _look_at(future: asyncio.Future[object]) -> None:
    """See a failure that nobody waits for any more, so that asyncio does not report it as forgotten."""
    if not future.cancelled():
        future.exception()


async def _close(producer: AIOKafkaProducer) -> None:
    """Close without waiting for ever: a broken producer's flush may never end, and must not go on behind our back."""
    try:
        await asyncio.wait_for(producer.stop(), 5.0)
    except Exception as error:
        _log.warning("producer did not close cleanly", error=type(error).__name__)
        if producer._sender.sender_task is not None:
            producer._sender.sender_task.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.client.close(), 5.0)
