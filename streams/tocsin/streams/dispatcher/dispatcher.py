"""Reads attempts, makes them concurrently, and commits an attempt only when its outcome is in Kafka.

Delivery: at least once. A dispatcher killed after the sink answered and before the outcome was acknowledged makes the
attempt again, with the same delivery id and body; one that is killed later does not, because its successor reads the
outcomes first (recall.py).
Each partition has room of its own (kafka/partitions.py): a slow endpoint stops no endpoint of another partition.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import aiokafka.abc
import structlog
from aiokafka import ConsumerRecord, TopicPartition

from tocsin.connectors.kafka import (
    CLOSE_WITHIN,
    Admission,
    BoundedConsumer,
    Offsets,
    PartitionProgress,
    client_options,
    ended_within,
)
from tocsin.connectors.kafka.pacing import PacedProducer
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.sinks import Sink
from tocsin.connectors.tracing import NO_TRACING, Tracing
from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.errors import Undecodable, UndecodableReason
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.attempts import Attempts, check_names
from tocsin.streams.dispatcher.memory import is_stale
from tocsin.streams.dispatcher.progress import Progress
from tocsin.streams.dispatcher.recall import Recall
from tocsin.streams.dispatcher.unreadable import Unreadable
from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.engine.record import Output
from tocsin.streams.engine.skips import skip_asked
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
    """One consumer of `attempts`. `on_outcome` is called when an outcome is acknowledged by Kafka, `on_dead` with the
    reason of each dead letter."""

    def __init__(
        self,
        settings: DispatcherSettings,
        sinks: Mapping[str, Sink],
        book: SchemaBook,
        on_outcome: Callable[[DeliveryAttempt, DeliveryOutcome], None] = lambda attempt, outcome: None,
        on_dead: Callable[[str], None] = lambda reason: None,
        progress: Progress | None = None,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self.progress = progress or Progress()
        self._debug = logging.getLogger("tocsin.dispatch").isEnabledFor(logging.DEBUG)
        self._settings, self._book = settings, book
        self._on_outcome = on_outcome
        self.unreadable = Unreadable(self._send_dead, self._skip_asked, on_dead)
        self._failpoint = failpoint_from(settings.failpoint)
        self._producer = PacedProducer(
            **client_options(settings.bootstrap),
            acks="all",
            enable_idempotence=True,
            max_batch_size=LARGEST_BATCH,
            max_request_size=CARRIER_LIMIT,
        )
        self._consumer = BoundedConsumer(
            **client_options(settings.bootstrap),
            group_id=f"{settings.prefix}dispatch",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.session_timeout * 300),
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=100,
        )
        self.attempts = Attempts(sinks, settings.per_endpoint, self._write, self._failpoint, tracing)
        self._recall = Recall(settings.bootstrap, settings.prefix, book, self.attempts.memory)
        self._offsets = Offsets(self._consumer, lambda: self._failpoint("attempt_committed"), self.unreadable.notes)
        self._admission = Admission()
        self._room = asyncio.Event()
        self.running: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def lags(self) -> dict[int, int]:
        """How many records wait in each partition that is held: read and not done, or known to be there."""
        return {place.partition: lag for place, lag in self._offsets.lags().items()}

    async def run(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        """Dispatch until `stop` is set, then let what is under way end. Raises what makes going on impossible."""
        async with self._connected():
            ready.set()
            committing = asyncio.create_task(self._commit_regularly())
            try:
                while not stop.is_set() and self._failure is None:
                    await self._read_some()
            finally:
                committing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await committing
                await self._drain(self._settings.drain_within)
        if self._failure is not None:
            raise self._failure

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        try:
            await self._producer.start()
            await self._consumer.start()
            self._consumer.subscribe([f"{self._settings.prefix}attempts"], listener=_Listener(self))
            yield
        finally:
            await self._recall.close()
            await ended_within(CLOSE_WITHIN, self._consumer.stop())
            await ended_within(CLOSE_WITHIN, self._producer.stop())

    async def _drain(self, within: float) -> None:
        """Let what is under way end within so many seconds, give the rest up, and commit."""
        if self.running:
            await asyncio.wait(self.running, timeout=within)
        for task in list(self.running):
            task.cancel()
        await self._offsets.commit()

    async def _read_some(self) -> None:
        self.progress.looked()
        for partition, records in (await self._fetch()).items():
            progress = self._offsets.of(partition)
            for record in records:
                progress.begin(record.offset)
                self._admission.begin(partition, _size(record))
                self.progress.begin(partition)
                self._failpoint("attempt_read")
                task = asyncio.create_task(self._handle(progress, record))
                self.running.add(task)
                task.add_done_callback(partial(self._ended, partition, _size(record)))

    async def _fetch(self) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Records of partitions that have room; what was fetched of the others stays with the consumer."""
        assigned = self._consumer.assignment()
        admitted = self._admission.admits(assigned)
        if admitted == assigned:
            return dict(await self._consumer.getmany(timeout_ms=200, max_records=AT_ONCE))
        self._room.clear()
        found = await self._consumer.getmany(*admitted, timeout_ms=0, max_records=AT_ONCE) if admitted else {}
        if not found:
            # Either may come first: records of the admitted partitions, or room in another one.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02 if admitted else 0.5):
                    await self._room.wait()
        return dict(found)

    def _ended(self, partition: TopicPartition, size: int, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        self._admission.end(partition, size)
        self.progress.end(partition)
        self._room.set()
        if not task.cancelled() and task.exception() is not None and self._failure is None:
            # Not committed, so the attempt is made again by the next dispatcher.
            self._failure = task.exception()

    async def _handle(self, progress: PartitionProgress, record: ConsumerRecord) -> None:
        attempt = await self._decoded(record)
        if attempt is not None and not is_stale(record.timestamp):
            await self._recall.of(record.partition, record.timestamp)
            await self.attempts.make(attempt)
        progress.end(record.offset)

    async def _decoded(self, record: ConsumerRecord) -> DeliveryAttempt | None:
        """The attempt, or None when the record went to `dead`. One that a newer version wrote is waited for."""
        try:
            while True:
                try:
                    attempt = decode_as(record.value, DeliveryAttempt, book=self._book)
                    check_names(attempt)
                    return attempt
                except Undecodable as undecodable:
                    if undecodable.reason is not UndecodableReason.UNKNOWN_OWN_SCHEMA:
                        await self.unreadable.bury(record, undecodable)
                        return None
                    if await self.unreadable.let_go(record, undecodable.detail):
                        return None
        finally:
            self.unreadable.over(record)

    async def _send_dead(self, letter: Output) -> None:
        topic = f"{self._settings.prefix}{letter.topic}"
        # aiokafka sends no record that has neither key nor value, as a foreign client may have.
        value = b"" if letter.key is None and letter.value is None else letter.value
        await self._producer.send_and_wait(topic, value, key=letter.key, headers=list(letter.headers))

    async def _skip_asked(self, place: TopicPartition) -> Skip | None:
        return await skip_asked(self._settings.bootstrap, self._settings.prefix, place.topic, place.partition)

    async def _write(self, attempt: DeliveryAttempt, outcome: DeliveryOutcome) -> None:
        await self._producer.send_and_wait(
            f"{self._settings.prefix}deliveries",
            encode(outcome, book=self._book),
            key=outcome.endpoint.encode(),
            headers=cloud_event_headers(outcome, SOURCE),
        )
        if self._debug:
            _log.debug("attempt ended", endpoint=outcome.endpoint, outcome=outcome.outcome.value, reason=outcome.reason)
        self._on_outcome(attempt, outcome)

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._settings.commit_interval)
            await self._offsets.hold_new()
            await self._offsets.commit()

    async def give_up(self) -> None:
        """Partitions may go elsewhere: let what is under way end for a moment, and commit."""
        if self.running:
            await asyncio.wait(self.running, timeout=5.0)
        await self._offsets.leaving()

    def keep_only(self, partitions: set[TopicPartition]) -> None:
        """These partitions are ours from now on, and no others."""
        _log.info("partitions assigned", all=" ".join(str(place.partition) for place in sorted(partitions)) or "none")
        self.progress.assigned()
        self._recall.begin_anew()
        self._offsets.keep_only(partitions)


def _size(record: ConsumerRecord) -> int:
    return len(record.value or b"")


class _Listener(aiokafka.abc.ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._dispatcher.give_up()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._dispatcher.keep_only(set(assigned))
