"""The publisher: events to the topic `inbox`, safe before `publish` returns: acknowledged by Kafka, or in the spool."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiokafka.partitioner import DefaultPartitioner

from tocsin.connectors.kafka import BatchProducer, Kafka, KafkaSecurity, TopicNotThere
from tocsin.connectors.publish.backlog import Backlog
from tocsin.connectors.publish.bounds import Deadlines, Room
from tocsin.connectors.publish.errors import (
    KafkaAway,
    NoRoom,
    NotAllowed,
    PublishFailed,
    PublishUnconfirmed,
    TopicMissing,
)
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.publish.lanes import Lanes, Outgoing
from tocsin.connectors.publish.port import EventPublisher, InboxEvent, Receipt, WhenFull
from tocsin.connectors.publish.reporting import checked_tenant
from tocsin.connectors.publish.spool import Spool
from tocsin.connectors.publish.stats import Counts, PublisherStats
from tocsin.connectors.redaction import REDACTED, Redactions, default_of, redact_and_encode

if TYPE_CHECKING:
    from tocsin.connectors.publish.threads import SyncPublisher

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 2 * 1024 * 1024
"""As the topic's max.message.bytes: an event of 1 MiB and its headers fit."""
MAX_BATCH_BYTES = 256 * 1024
KEYS_REMEMBERED = 10_000


class Publisher(EventPublisher):
    """Publishes to `<prefix>inbox`, keyed by tenant, with CloudEvents headers; idempotent producer, acks=all.

    At least once: a publication that fails with PublishUnconfirmed may have been stored, and is repeated under the same
    id. Use it as an async context manager, one per process and event loop, from as many tasks as you like.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        tenant: str = "default",
        prefix: str = "tocsin.",
        source: str = "tocsin:publisher",
        deadline: float = 10.0,
        spool: Spool | None = None,
        spool_after: float = 1.0,
        when_full: WhenFull = "block",
        linger_ms: float = 0,
        compression: str | None = "lz4",
        max_in_flight: int = 32 * 1024 * 1024,
        kafka: Mapping[str, Any] | None = None,
        redactions: Redactions = default_of,
        security: KafkaSecurity | None = None,
    ) -> None:
        """`deadline`: seconds in which a publication ends one way or the other. `spool`: where publications go while
        Kafka is away, or more than `max_in_flight` is under way; at most `spool_after` seconds are waited for Kafka
        then. Without one, `when_full` says whether who finds no room waits (until the deadline) or is refused.
        `linger_ms`: how long a first batch waits for company; 0 measured best, because a batch fills while the one
        before it is under way. `max_in_flight`: bytes on their way to Kafka. `kafka`: further settings of
        AIOKafkaProducer. `redactions`: what is taken out of each tenant's events before they are written, to the spool
        too; by default whatever is plainly a secret. `security`: TLS and SASL, if Kafka wants them."""
        self.tenant = checked_tenant(tenant)
        self.topic = f"{prefix}inbox"
        self._source = source.encode()
        self._deadline = deadline
        self._redactions = redactions
        self._room = Room(max_in_flight)
        self._when_full = when_full
        settings: dict[str, Any] = {
            "linger_ms": 0,  # the lanes linger
            "compression_type": compression,
            "max_batch_size": MAX_BATCH_BYTES,
            "max_request_size": MAX_REQUEST_BYTES,
            "request_timeout_ms": max(1000, int(deadline * 1000)),
        }
        kafka_at = Kafka(bootstrap, security)
        self._bootstrap = bootstrap
        self._producer = BatchProducer(kafka_at, topic=self.topic, patient=True, **settings | dict(kafka or {}))
        self._lanes = Lanes(self.topic, self._producer, linger_ms / 1000)
        self._deadlines = Deadlines(deadline, self._expire)
        self._patience = Deadlines(min(spool_after, deadline), self._lose_patience)
        self._counts = Counts()
        if spool is not None and spool.kind != "kafka":
            raise ValueError("the spool of a Publisher is made as Spool(folder): its kind is kafka")
        self._backlog: Backlog | None = None
        if spool is not None:
            there = f"Kafka at {bootstrap}"
            self._backlog = Backlog(spool, self._send_spooled, self._reach_soon, self._counts, address=there)
        self._direct: dict[Outgoing, None] = {}
        self._partition_of = DefaultPartitioner()
        self._all_partitions: list[int] = []
        self._partitions: dict[bytes, int] = {}

    @classmethod
    def sync(cls, bootstrap: str, **settings: Any) -> SyncPublisher:
        """The same for plain threads: `with Publisher.sync(...) as p: p.publish(...)`; `settings` as above."""
        from tocsin.connectors.publish.threads import SyncPublisher

        return SyncPublisher(lambda: cls(bootstrap, **settings))

    async def __aenter__(self) -> Self:
        """Opens nothing but the spool: Kafka is first reached by the first publication, or by `check`. Raises
        SpoolUnusable."""
        if self._backlog is not None:
            self._backlog.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._backlog is not None:
            while waiting := [record.acknowledged for record in self._direct]:
                await asyncio.wait(waiting)  # until they are answered, or their patience ends
                await asyncio.sleep(0)
            await self._backlog.close(self._deadline)
        await self._lanes.close(self._deadline)
        self._deadlines.close()
        self._patience.close()
        await self._producer.close(self._deadline)

    def stats(self) -> PublisherStats:
        """What it has done, and what it has in hand."""
        backlog = self._backlog
        away = not self._all_partitions if backlog is None else backlog.away
        return PublisherStats.of(self._counts, self._room.used, away, None if backlog is None else backlog.spool)

    async def check(self, patience: float | None = None) -> None:
        """Reach Kafka and find the topic within `patience` seconds (default: the deadline). Raises KafkaAway or
        TopicMissing."""
        await self._reach("", self._deadline if patience is None else patience)

    async def send(self, event: InboxEvent) -> Receipt:
        """Keep the event safe; returns once every in-sync replica has it, or the spool. Raises Unencodable,
        PublishRefused or PublishUnconfirmed (also KafkaAway, TopicMissing, NoRoom), the latter about at the deadline.
        """
        event, value = redact_and_encode(event, self._redactions)
        headers = [*cloud_event_headers(event, self._source), REDACTED]
        record = Outgoing(event.event_id, event.tenant.encode(), value, headers, self._lanes.confirmed)
        try:
            if self._backlog is not None:
                return await self._send_or_spool(record)
            # As most often: no coroutine more than needed.
            if self._all_partitions and self._room.try_enter(len(value)):
                return await self._through_lane(record, self._deadlines, asyncio.get_running_loop().time())
            return await self._send_now(record)
        except PublishFailed as failed:
            self._counts.note_failure(failed)
            raise

    async def _send_now(self, record: Outgoing) -> Receipt:
        started = asyncio.get_running_loop().time()
        if not self._all_partitions:
            await self._reach(record.event_id, self._deadline)
        if not self._room.try_enter(len(record.value)):
            await self._wait_for_room(record, started + self._deadline)
        return await self._through_lane(record, self._deadlines, started)

    async def _send_or_spool(self, record: Outgoing) -> Receipt:
        """Directly while Kafka answers and there is room; else into the spool."""
        backlog = self._backlog
        assert backlog is not None
        if backlog.holds or not self._all_partitions or not self._room.try_enter(len(record.value)):
            receipt = backlog.put(record.event_id, _spooled(record))
        else:
            self._direct[record] = None
            try:
                receipt = await self._through_lane(record, self._patience, asyncio.get_running_loop().time())
            except TopicMissing as failed:
                self._give_to_spool(failed)
                receipt = backlog.put(record.event_id, _spooled(record))
            except NotAllowed as failed:  # so are those behind it, in their order
                backlog.note_away(failed)
                receipt = backlog.put(record.event_id, _spooled(record))
            finally:
                self._direct.pop(record, None)
        if receipt.spooled:
            await backlog.safe(record.event_id)
        return receipt

    async def _send_spooled(self, spooled: bytes) -> None:
        """Raises a PublishFailed, or ValueError for what is no record of ours."""
        record = _outgoing(spooled, self._lanes.confirmed)
        await self._send_now(record)

    async def _through_lane(self, record: Outgoing, deadlines: Deadlines[Outgoing], started: float) -> Receipt:
        """The room was entered, and is left."""
        partition = self._partition(record.key)
        slot = deadlines.watch(record, started)
        self._lanes.put(record, partition)
        try:
            receipt = await record.acknowledged
        except BaseException:
            self._lanes.drop(record, partition)
            raise
        finally:
            deadlines.forget(slot, record)
            self._room.leave(len(record.value))
        if receipt.spooled:
            self._lanes.drop(record, partition)
        else:
            self._counts.sent += 1
        return receipt

    def _partition(self, key: bytes) -> int:
        """As the Java client has it (murmur2); remembered, because in Python the hash is slow."""
        partition = self._partitions.get(key)
        if partition is None:
            if len(self._partitions) >= KEYS_REMEMBERED:
                self._partitions.clear()
            partition = self._partitions[key] = self._partition_of(key, self._all_partitions, self._all_partitions)
        return partition

    async def _reach_soon(self) -> None:
        await self._reach("", self._deadline)

    async def _reach(self, event_id: str, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                self._all_partitions = await self._producer.partitions(self.topic)
        except TopicNotThere:
            raise TopicMissing(event_id, self.topic) from None
        except TimeoutError:
            raise KafkaAway(event_id, self._bootstrap) from None

    async def _wait_for_room(self, record: Outgoing, until: float) -> None:
        if self._when_full == "refuse":
            raise NoRoom(record.event_id, "nothing was sent: as much as may be is on its way to Kafka already")
        try:
            async with asyncio.timeout_at(until):
                await self._room.enter(len(record.value))
        except TimeoutError:
            raise KafkaAway(record.event_id, self._bootstrap) from None

    def _lose_patience(self, record: Outgoing) -> None:
        """Kafka did not answer soon enough: all that was given to it directly goes into the spool, in its order."""
        self._give_to_spool(KafkaAway(record.event_id, self._bootstrap))

    def _give_to_spool(self, failed: PublishFailed) -> None:
        assert self._backlog is not None
        self._backlog.note_away(failed)
        waiting, self._direct = self._direct, {}
        for one in waiting:
            if not one.acknowledged.done():
                try:
                    one.acknowledged.set_result(self._backlog.put(one.event_id, _spooled(one)))
                except NoRoom as full:
                    one.fail(PublishUnconfirmed(one.event_id) if one.handed else full)

    def _expire(self, record: Outgoing) -> None:
        if not record.handed:
            record.fail(KafkaAway(record.event_id, self._bootstrap))
            return
        record.fail(PublishUnconfirmed(record.event_id))
        if self._lanes.confirmed == record.confirmed_before:
            # Nobody's record came through in all its time: the producer may never recover by itself.
            log.warning("no acknowledgement for %s s: starting another producer", self._deadline)
            self._producer.replace()


def _spooled(record: Outgoing) -> bytes:
    """As it stands in the spool: ready to be sent, whatever became of its schema meanwhile."""
    return msgspec.msgpack.encode((record.event_id, record.key, record.value, record.headers))


_read_spooled = msgspec.msgpack.Decoder(tuple[str, bytes, bytes, list[tuple[str, bytes]]])


def _outgoing(spooled: bytes, confirmed: int) -> Outgoing:
    """Raises ValueError."""
    try:
        event_id, key, value, headers = _read_spooled.decode(spooled)
    except msgspec.DecodeError as error:
        raise ValueError(f"this is no event of a spool: {error}") from None
    return Outgoing(event_id, key, value, headers, confirmed)
