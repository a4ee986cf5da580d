"""Reads attempts, makes them concurrently, and commits an attempt only when its outcome is in Kafka.

Delivery: at least once. A dispatcher killed after the sink answered and before the outcome was acknowledged makes the
attempt again, with the same delivery id and body; one that is killed later makes it again only until it is committed.
Each partition has room of its own (admission.py): a slow endpoint stops no endpoint of another partition.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import time

import aiokafka.abc
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from tocsin.connectors.kafka import client_options
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.sinks import Sink
from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.errors import Undecodable, UndecodableReason
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.admission import Admission
from tocsin.streams.dispatcher.attempting import make_attempt
from tocsin.streams.dispatcher.memory import AttemptMemory
from tocsin.streams.dispatcher.progress import PartitionProgress
from tocsin.streams.dispatcher.recall import finished_attempts, is_stale, offsets_are_missing
from tocsin.streams.engine.dead import dead_letter
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.engine.kafka_log import record_from
from tocsin.streams.topology import CARRIER_LIMIT, LARGEST_BATCH

_log = structlog.get_logger("tocsin.dispatch")

SOURCE = b"/tocsin/dispatch"
AT_ONCE = 64
"""The most records that one read takes."""


@dataclass(frozen=True, slots=True)
class DispatcherSettings:
    """How the dispatcher runs; times in seconds. `per_endpoint` bounds what one endpoint gets at the same time."""

    bootstrap: str
    prefix: str
    per_endpoint: int = 8
    commit_interval: float = 0.1
    drain_within: float = 16.0
    session_timeout: float = 10.0
    failpoint: str | None = None


class Dispatcher:
    """One consumer of `attempts`. `on_outcome` is called when an outcome is acknowledged by Kafka."""

    def __init__(
        self,
        settings: DispatcherSettings,
        sinks: Mapping[str, Sink],
        book: SchemaBook,
        on_outcome: Callable[[DeliveryOutcome], None] = lambda outcome: None,
        on_dead: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._settings, self._sinks, self._book = settings, sinks, book
        self._on_outcome, self._on_dead = on_outcome, on_dead
        self._failpoint = failpoint_from(settings.failpoint)
        self._progress: dict[TopicPartition, PartitionProgress] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._admission = Admission()
        # Names in records are without number: those that are no endpoint of ours share one turn, that of no name.
        self._turns = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(settings.per_endpoint))
        self._memory = AttemptMemory()
        self._newly_assigned: set[TopicPartition] = set()
        self._committed: dict[TopicPartition, int] = {}
        self._under_way: dict[tuple[str, int], asyncio.Lock] = {}
        self._room = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._producer: AIOKafkaProducer | None = None
        self.failure: BaseException | None = None

    async def run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Dispatch until `stop` is set, then let what is under way end. Raises what makes going on impossible."""
        await self._connect()
        ready.set()
        committing = asyncio.create_task(self._commit_regularly())
        try:
            while not stop.is_set() and self.failure is None:
                await self._read_some()
        finally:
            committing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await committing
            await self._disconnect()
        if self.failure is not None:
            raise self.failure

    async def _connect(self) -> None:
        prefix = self._settings.prefix
        self._producer = AIOKafkaProducer(
            **client_options(self._settings.bootstrap),
            acks="all",
            enable_idempotence=True,
            max_batch_size=LARGEST_BATCH,
            max_request_size=CARRIER_LIMIT,
        )
        await self._producer.start()
        bootstrap, group = self._settings.bootstrap, f"{prefix}dispatch"
        if await offsets_are_missing(bootstrap, group, f"{prefix}attempts"):
            self._memory.recall(await finished_attempts(bootstrap, f"{prefix}deliveries", self._book))
        self._consumer = AIOKafkaConsumer(
            **client_options(bootstrap),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._settings.session_timeout * 1000),
            heartbeat_interval_ms=int(self._settings.session_timeout * 300),
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=100,
        )
        await self._consumer.start()
        self._consumer.subscribe([f"{prefix}attempts"], listener=_Listener(self))

    async def _disconnect(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.drain_within)
        for task in list(self._running):
            task.cancel()
        await self.commit()
        assert self._consumer is not None
        assert self._producer is not None
        await self._consumer.stop()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._producer.stop(), 5.0)

    async def _read_some(self) -> None:
        for partition, records in (await self._fetch()).items():
            progress = self._progress.setdefault(partition, PartitionProgress())
            for record in records:
                progress.begin(record.offset)
                self._admission.begin(partition, _size(record))
                self._failpoint("attempt_read")
                task = asyncio.create_task(self._handle(partition, progress, record))
                self._running.add(task)
                task.add_done_callback(partial(self._ended, partition, _size(record)))

    async def _fetch(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Records of partitions that have room; what was fetched of the others stays with the consumer."""
        assert self._consumer is not None
        assigned = self._consumer.assignment()
        admitted = self._admission.admits(assigned)
        if admitted == assigned:
            return dict(await self._consumer.getmany(timeout_ms=200, max_records=AT_ONCE))
        self._room.clear()
        found = await self._consumer.getmany(*admitted, timeout_ms=0, max_records=AT_ONCE) if admitted else {}
        if not found:
            # Either may come first: records of the admitted partitions, or room in another one.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), 0.02 if admitted else 0.5)
        return dict(found)

    def _ended(self, partition: TopicPartition, size: int, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._admission.end(partition, size)
        self._room.set()
        if not task.cancelled() and task.exception() is not None and self.failure is None:
            # Not committed, so the attempt is made again by the next dispatcher.
            self.failure = task.exception()

    async def _handle(self, partition: TopicPartition, progress: PartitionProgress, record: ConsumerRecord) -> None:
        attempt = await self._read(record)
        if attempt is not None and not is_stale(record.timestamp):
            async with self._turns[attempt.endpoint if attempt.endpoint in self._sinks else ""]:
                await self._attempt_once(attempt)
        progress.end(record.offset)

    async def _attempt_once(self, attempt: DeliveryAttempt) -> None:
        """The same attempt read twice (spoken again, or after a rebalance) waits for the first, and is not doubled."""
        identity = (attempt.delivery_id, attempt.attempt)
        alone = self._under_way.setdefault(identity, asyncio.Lock())
        try:
            async with alone:
                await self._attempt(attempt)
        finally:
            if not alone.locked():
                self._under_way.pop(identity, None)

    async def _attempt(self, attempt: DeliveryAttempt) -> None:
        identity = (attempt.delivery_id, attempt.attempt)
        if self._memory.knows(identity, time()):
            return
        outcome = await make_attempt(attempt, self._sinks)
        self._failpoint("sink_answered")
        await self._say(outcome)
        self._failpoint("outcome_written")
        self._memory.add(identity, time())
        self._on_outcome(outcome)

    async def _say(self, outcome: DeliveryOutcome) -> None:
        assert self._producer is not None
        await self._producer.send_and_wait(
            f"{self._settings.prefix}deliveries",
            encode(outcome, book=self._book),
            key=outcome.endpoint.encode(),
            headers=cloud_event_headers(outcome, SOURCE),
        )

    async def _read(self, record: ConsumerRecord) -> DeliveryAttempt | None:
        """The attempt, or None when the record went to `dead`. One that a newer version wrote is waited for."""
        while True:
            try:
                return decode_as(record.value, DeliveryAttempt, book=self._book)
            except Undecodable as undecodable:
                if undecodable.reason is not UndecodableReason.UNKNOWN_OWN_SCHEMA:
                    await self._bury(record, undecodable)
                    return None
                _log.error("attempt waits for a schema", detail=undecodable.detail)
                await asyncio.sleep(2.0)

    async def _bury(self, record: ConsumerRecord, undecodable: Undecodable) -> None:
        assert self._producer is not None
        letter = dead_letter(
            record_from(record, record.topic), "dispatch", undecodable.reason.value, undecodable.detail
        )
        await self._producer.send_and_wait(
            f"{self._settings.prefix}{letter.topic}", letter.value, key=letter.key, headers=list(letter.headers)
        )
        self._on_dead(undecodable.reason.value)

    async def commit(self) -> None:
        """Commit what is done; a failed commit only means that some attempts may be made again."""
        if self._consumer is None:
            return
        held = self._consumer.assignment()
        done = {
            partition: at
            for partition, progress in self._progress.items()
            if partition in held and (at := progress.committable()) not in (None, self._committed.get(partition))
        }
        if done:
            with contextlib.suppress(KafkaError):
                await self._consumer.commit({place: OffsetAndMetadata(at, "") for place, at in done.items()})
                self._committed.update(done)
                self._failpoint("attempt_committed")

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_interval)
            if self._newly_assigned:
                await self.hold_offsets(self._newly_assigned)
                self._newly_assigned = set()
            await self.commit()

    async def give_up(self) -> None:
        """Partitions may go elsewhere: let what is under way end for a moment, and commit."""
        if self._running:
            await asyncio.wait(self._running, timeout=5.0)
        await self.commit()

    def keep_only(self, partitions: set[TopicPartition]) -> None:
        """Forget what went elsewhere; what we kept still holds its commits back for what is under way."""
        for partition in self._progress.keys() - partitions:
            del self._progress[partition]
        self._committed.clear()
        self._newly_assigned = set(partitions)

    async def hold_offsets(self, partitions: set[TopicPartition]) -> None:
        """Commit where we stand even where nothing was read, so that a missing offset means a lost one."""
        assert self._consumer is not None
        with contextlib.suppress(KafkaError):
            missing = [place for place in partitions if await self._consumer.committed(place) is None]
            starts = {place: OffsetAndMetadata(await self._consumer.position(place), "") for place in missing}
            # Where something was read meanwhile, its own progress says what may be committed.
            unread = {place: start for place, start in starts.items() if place not in self._progress}
            if unread:
                await self._consumer.commit(unread)


def _size(record: ConsumerRecord) -> int:
    return len(record.value or b"")


class _Listener(aiokafka.abc.ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._dispatcher.give_up()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._dispatcher.keep_only(set(assigned))
