"""Reading topics in a consumer group, for as long as it is wanted: Kafka is waited for, partitions come and go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import aiokafka.abc
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidGroupIdError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from tocsin.connectors.kafka import CLOSE_WITHIN, BoundedConsumer, Offsets, client_options, ended_within
from tocsin.connectors.subscribe.beginning import begin_now
from tocsin.connectors.subscribe.errors import SubscribeRefused
from tocsin.connectors.subscribe.in_hand import GIVE_UP_WITHIN, InHand
from tocsin.connectors.subscribe.troubles import Troubles

log = logging.getLogger("tocsin.subscribe")
Result = TypeVar("Result")

COMMIT_EVERY = 0.5
"""Seconds between two commits: what is done in them is done again by the next process after a kill."""
LOOK_EVERY = 2.0
"""Seconds between two looks whether Kafka answers, and whether a topic that was missing is there."""
AT_ONCE = 64
"""The most records that one read takes."""
FINAL = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidGroupIdError,
    TopicAuthorizationFailedError,
)
"""What waiting cannot mend."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """What is read, and how; `topics` are names in Kafka, `start` is where a group begins that never read before."""

    bootstrap: str
    group: str
    topics: Sequence[str]
    start: Literal["beginning", "now"] = "beginning"
    session_timeout: float = 10.0
    kafka: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """For AIOKafkaConsumer."""
        return {
            **client_options(self.bootstrap),
            "group_id": self.group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",  # where a group that begins now does so is on record (`beginning`)
            "session_timeout_ms": int(self.session_timeout * 1000),
            "heartbeat_interval_ms": int(self.session_timeout * 300),
            "rebalance_timeout_ms": 60_000,
            # A handler may take as long as it likes: what is full is not read, and that is not being stuck.
            "max_poll_interval_ms": 86_400_000,
            "fetch_max_wait_ms": 100,
            **self.kafka,
        }


class Consuming:
    """One membership in the group. `work` returns when a record is done with, `busy` are the tasks in a
    handler, `troubles` is told what is waited for."""

    def __init__(
        self,
        what: Consumption,
        work: Callable[[ConsumerRecord], Awaitable[None]],
        busy: Callable[[], set[Any]],
        troubles: Troubles,
    ) -> None:
        self._what, self._work, self._busy, self._troubles = what, work, busy, troubles
        self._offsets: Offsets | None = None
        self._hand: InHand | None = None
        self._leaving = False
        self.reading = asyncio.Event()
        """Set from when partitions were first assigned."""

    def lags(self) -> dict[TopicPartition, int]:
        """How many records of each partition that is held are not done."""
        return {} if self._offsets is None else self._offsets.lags()

    async def run(self, stop: asyncio.Event, drain_within: float) -> None:
        """Read until `stop` is set, then let the handlers that run end within `drain_within` seconds. Raises
        SubscribeRefused, or what `work` raises."""
        while not stop.is_set():
            try:
                async with self._member(stop, drain_within) as consumer:
                    if consumer is not None:
                        await self._read(consumer, stop)
            except FINAL as error:
                raise SubscribeRefused(
                    f"Kafka does not let us read {', '.join(self._what.topics)} in the group {self._what.group} "
                    f"({type(error).__name__}): give this user the right, or correct the name of the group"
                ) from None
            except (KafkaError, OSError) as error:
                self._troubles.tell("kafka", f"Kafka at {self._what.bootstrap}: {type(error).__name__}")
                await _unless(stop, asyncio.sleep(LOOK_EVERY))

    @contextlib.asynccontextmanager
    async def _member(self, stop: asyncio.Event, drain_within: float) -> AsyncIterator[BoundedConsumer | None]:
        """A consumer in the group; None when it was stopped before."""
        consumer = BoundedConsumer(**self._what.settings())
        offsets = self._offsets = Offsets(consumer)
        hand = self._hand = InHand(offsets, self._work, self._busy)
        regularly: list[asyncio.Task[None]] = []
        try:
            ready = await _unless(stop, self._ready(consumer))
            if not ready:
                yield None
                return
            self._leaving = True  # until partitions are assigned
            consumer.subscribe(list(self._what.topics), listener=_Listener(self))
            regularly = [asyncio.create_task(one) for one in (self._commit(offsets), self._look(consumer))]
            yield consumer
        finally:
            try:
                await hand.give_up(drain_within if hand.failure is None else 0)
                for one in regularly:
                    one.cancel()
                if regularly:
                    await asyncio.wait(regularly)
                    await offsets.commit()
            finally:
                await ended_within(CLOSE_WITHIN, consumer.stop())

    async def _read(self, consumer: BoundedConsumer, stop: asyncio.Event) -> None:
        assert self._hand is not None
        while not stop.is_set():
            if self._hand.failure is not None:
                raise self._hand.failure
            # Cancelled by `stop`, nothing of it was taken: what is not done is read again.
            for place, records in (await _unless(stop, self._fetch(consumer, self._hand)) or {}).items():
                # Read before the group rebalanced: it is read again by whoever has the partition then.
                if not self._leaving and place in consumer.assignment():
                    for record in records:
                        self._hand.take(place, record)

    async def _fetch(self, consumer: BoundedConsumer, hand: InHand) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Records of the partitions that have room; what was fetched of the others stays with the consumer."""
        held = set(consumer.assignment())
        admitted = hand.admits(held)
        hand.room.clear()
        if admitted == held:
            return dict(await consumer.getmany(timeout_ms=200, max_records=AT_ONCE))
        found = await consumer.getmany(*admitted, timeout_ms=0, max_records=AT_ONCE) if admitted else {}
        if not found:
            # Either may come first: records of the admitted partitions, or room in another one.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hand.room.wait(), 0.02 if admitted else 0.5)
        return dict(found)

    async def _ready(self, consumer: BoundedConsumer) -> bool:
        """Reach Kafka and wait for the topics: a client that subscribes to one that is not there asks for it all the
        time."""
        await consumer.start()
        self._troubles.tell("kafka", None)
        while missing := set(self._what.topics) - set(await consumer.topics()):
            self._troubles.tell("topics", f"there is no topic {', '.join(sorted(missing))}: tocsin topics apply")
            await asyncio.sleep(LOOK_EVERY)
        self._troubles.tell("topics", None)
        if self._what.start == "now":
            await begin_now(self._what.settings(), self._what.topics)
        return True

    async def _commit(self, offsets: Offsets) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            await offsets.hold_new()
            await offsets.commit()

    async def _look(self, consumer: BoundedConsumer) -> None:
        """Whether Kafka answers; aiokafka waits for it in silence."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                answers = await asyncio.wait_for(consumer._client.force_metadata_update(), 2 * LOOK_EVERY)
            except (KafkaError, OSError, TimeoutError):
                answers = False
            self._troubles.tell("kafka", None if answers else f"Kafka at {self._what.bootstrap} cannot be reached")

    async def give_up(self) -> None:
        """Partitions may go elsewhere: handlers that run end or are given up; what is done is committed."""
        self._leaving = True
        assert self._hand is not None
        assert self._offsets is not None
        await self._hand.give_up(GIVE_UP_WITHIN)
        await self._offsets.leaving()

    def keep_only(self, places: set[TopicPartition]) -> None:
        """These partitions are ours from now on, and no others; they are read from what was committed."""
        assert self._offsets is not None
        self._offsets.keep_only(places)
        self._leaving = False
        self.reading.set()
        log.info("partitions: %s", " ".join(f"{one.topic}/{one.partition}" for one in sorted(places)) or "none")


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """What the work returns, or raises; None when it was stopped before that."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stopped.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait([working])


class _Listener(aiokafka.abc.ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, consuming: Consuming) -> None:
        self._consuming = consuming

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._consuming.give_up()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._consuming.keep_only(set(assigned))
