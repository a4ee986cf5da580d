"""The requests of a replay are written at a pace that nothing chokes on, and what becomes of them is followed.

At least once: what is written is in the log, and the bus delivers it whether this process lives or not. What was not
written when it died is written by the next run (`--continue`), which leaves out what the log has already.
Order: requests are written in the order of the log, so those of a lane stay in order; and no lane is given more than it
can hold while what it was given before has not ended.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tocsin.connectors.kafka import open_consumer
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryOutcome, DeliveryRequested, Outcome
from tocsin.streams.cli.replay.log import EndpointLog
from tocsin.streams.engine.dead import DEAD_TOPIC
from tocsin.streams.engine.failpoints import failpoint_from
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.processes.dead.replaying import sent_again
from tocsin.streams.processes.kafka import places_of
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

ROOM = 2000
"""Deliveries of an endpoint that are under way at the same time."""
AT_ONCE = 100
"""Requests that are written before Kafka's answer is waited for."""
REJECTED = ("rejected", "gone")
"""Reasons of dead letters for which the endpoint's answer was the cause."""
PATIENCE = 600.0
"""Seconds without the end of any delivery, after which what does not fit is given up, for this run."""


@dataclass
class Sent:
    """How far a replay has come: requests in Kafka, how many of them are delivered since, rejected for good, and dead
    for another reason (their time was over, their lane was full). `why` is why it ended before its end, None when it
    did not."""

    written: int = 0
    delivered: int = 0
    rejected: int = 0
    died: int = 0
    why: str | None = None

    @property
    def under_way(self) -> int:
        """Written, and not ended as far as is known."""
        return self.written - self.delivered - self.rejected - self.died


@asynccontextmanager
async def following(settings: Settings, log: EndpointLog) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of what becomes of the endpoint's deliveries from now on: its outcomes, and the dead letters, since
    what dies without a last attempt has no outcome. Raises KafkaError."""
    dead = await places_of(settings, topic_name(settings.prefix, DEAD_TOPIC))
    async with open_consumer(settings.bootstrap or "", fetch_max_wait_ms=100) as follow:
        ends = await follow.end_offsets(dead)
        follow.assign([log.place, *dead])
        for place, end in {**ends, log.place: log.end}.items():
            follow.seek(place, end)
        yield follow


class Sending:
    """One replay under way. `follow` stands where things were before the first request (`following`);
    `rate` is the most requests a second, None is as fast as they are delivered. A lane gets half of what it may hold
    (`hold_count`), so that what happens meanwhile has room."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        follow: AIOKafkaConsumer,
        place: TopicPartition,
        command: str,
        rate: int | None,
        hold_count: int,
    ) -> None:
        self.sent = Sent()
        self._producer, self._follow, self._place, self._command = producer, follow, place, command
        self._rate, self._began = rate, monotonic()
        self._lane_room = max(1, hold_count // 2)
        self._lanes: dict[str, str | None] = {}
        self._in_lane: Counter[str | None] = Counter()
        self._writing: list[asyncio.Future[object]] = []
        self.reached = failpoint_from(os.environ.get("TOCSIN_FAILPOINT"))

    async def send(
        self,
        requests: AsyncGenerator[tuple[DeliveryRequested, int], None],
        stop: asyncio.Event,
        moved: Callable[[int], None],
    ) -> None:
        """Write all of them, or as many as there is room and time for. Raises KafkaError."""
        async for request, number in requests:
            await self._until_there_is_room(request.lane, stop)
            if stop.is_set():
                self.sent.why = "it was stopped"
            if self.sent.why:
                break
            await self._write(sent_again(request, number, self._command))
            moved(1)
            if len(self._writing) >= AT_ONCE:
                await self._written()
        await self._written()

    async def watch(self, within: float, stop: asyncio.Event) -> None:
        """Follow what becomes of what was written, until all has ended, for at most so many seconds."""
        until = monotonic() + within
        while self.sent.under_way and monotonic() < until and not stop.is_set():
            await self._hear(200)

    async def _write(self, request: DeliveryRequested) -> None:
        headers = cloud_event_headers(request, b"tocsin:cli")
        key = request.endpoint.encode()
        self._writing.append(
            await self._producer.send(
                self._place.topic, encode(request), key=key, partition=self._place.partition, headers=headers
            )
        )
        self._lanes[request.delivery_id] = request.lane
        self._in_lane[request.lane] += 1

    async def _written(self) -> None:
        writing, self._writing = self._writing, []
        if writing:
            await asyncio.gather(*writing)
            self.sent.written += len(writing)
            self.reached("requests_written")
            await self._hear(0)

    async def _until_there_is_room(self, lane: str | None, stop: asyncio.Event) -> None:
        """Return when one more may be written, or when `stop` is set, or nothing has ended for too long."""
        due = 0.0 if self._rate is None else self._began + (self.sent.written + len(self._writing)) / self._rate
        waiting_since = monotonic()
        while not stop.is_set():
            full = len(self._lanes) >= ROOM or (lane is not None and self._in_lane[lane] >= self._lane_room)
            if not full and monotonic() >= due:
                return
            await self._written()
            ended = await self._hear(200 if full else max(1, min(200, int((due - monotonic()) * 1000))))
            if ended or not full:
                waiting_since = monotonic()
            elif monotonic() - waiting_since > PATIENCE:
                self.sent.why = f"the endpoint has taken nothing for {PATIENCE:.0f} s"
                return

    async def _hear(self, timeout_ms: int) -> int:
        """How many deliveries have ended since it was called last."""
        before = self.sent.under_way
        for place, records in (await self._follow.getmany(timeout_ms=timeout_ms)).items():
            for record in records:
                if place.topic != self._place.topic:
                    self._died(Opened(record))
                    continue
                try:
                    event = decode(record.value)
                except Undecodable:
                    continue
                if isinstance(event, DeliveryOutcome):
                    self._answered(event)
        return before - self.sent.under_way

    def _answered(self, outcome: DeliveryOutcome) -> None:
        if outcome.outcome is Outcome.DELIVERED:
            self.sent.delivered += self._ended(outcome.delivery_id)
        elif outcome.outcome is Outcome.REJECTED:
            self.sent.rejected += self._ended(outcome.delivery_id)

    def _died(self, letter: Opened) -> None:
        if letter.stage != "deliver" or not isinstance(letter.event, DeliveryRequested):
            return
        if letter.reason in REJECTED:  # its outcome says so, too: whichever is heard first
            self.sent.rejected += self._ended(letter.event.delivery_id)
        else:
            self.sent.died += self._ended(letter.event.delivery_id)

    def _ended(self, delivery: str) -> bool:
        """Whether it was under way until now."""
        if delivery not in self._lanes:
            return False
        self._in_lane[self._lanes.pop(delivery)] -= 1
        return True
