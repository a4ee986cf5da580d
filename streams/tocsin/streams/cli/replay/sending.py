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
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryOutcome, DeliveryRequested, Outcome
from tocsin.streams.cli.dead.replaying import sent_again
from tocsin.streams.engine.failpoints import failpoint_from

ROOM = 2000
"""Deliveries of an endpoint that are under way at the same time."""
AT_ONCE = 100
"""Requests that are written before Kafka's answer is waited for."""
PATIENCE = 600.0
"""Seconds without the end of any delivery, after which what does not fit is given up, for this run."""


@dataclass
class Sent:
    """How far a replay has come: requests in Kafka, how many of them are delivered since, and rejected for good. `why`
    is why it ended before its end, None when it did not."""

    written: int = 0
    delivered: int = 0
    rejected: int = 0
    why: str | None = None

    @property
    def under_way(self) -> int:
        """Written, and not ended as far as is known."""
        return self.written - self.delivered - self.rejected


class Sending:
    """One replay under way. `follow` stands at the end of the endpoint's partition as it was before the first request;
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
        for records in (await self._follow.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                try:
                    event = decode(record.value)
                except Undecodable:
                    continue
                if isinstance(event, DeliveryOutcome):
                    self._ended(event)
        return before - self.sent.under_way

    def _ended(self, outcome: DeliveryOutcome) -> None:
        if outcome.outcome not in (Outcome.DELIVERED, Outcome.REJECTED) or outcome.delivery_id not in self._lanes:
            return
        self._in_lane[self._lanes.pop(outcome.delivery_id)] -= 1
        if outcome.outcome is Outcome.DELIVERED:
            self.sent.delivered += 1
        else:
            self.sent.rejected += 1
