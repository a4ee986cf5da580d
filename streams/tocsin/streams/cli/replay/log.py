"""What an endpoint was sent, from the log: its partition of `deliveries`, read without a consumer group.

The log has what is needed for as long as Kafka keeps it (30 days). It is read two or three times, and of each delivery
only its id, the place of its request and the number of its last replay are remembered.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from tocsin.connectors.kafka import offsets_since, open_consumer, read_to_end
from tocsin.connectors.printable import clipped
from tocsin.connectors.publish.headers import type_header
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import (
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EndpointCommandKind,
    Event,
    Outcome,
)
from tocsin.streams.processes.dead.letter import problem_in
from tocsin.streams.processes.dead.wanted import code_fits
from tocsin.streams.processes.exit_codes import BAD_INPUT, USAGE, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, needed_bootstrap, places_of
from tocsin.streams.rules.values import DAY, HOUR
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

REACH = 14 * DAY
"""How long before its delivery (microseconds) a request is looked for: longer than one is held in its lane, tried by
the schedule and parked for an endpoint that is off, one after the other."""

MOST = 1_000_000
"""Deliveries that one replay remembers."""

Read = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be sent again: to which endpoint, and what it was sent in the time from `since` up to `until`
    (microseconds, by Kafka's clock); of a tenant, of these codes, when they are said."""

    endpoint: str
    since: int
    until: int
    tenant: str | None = None
    codes: frozenset[str] = frozenset()


@dataclass(slots=True)
class Found:
    """Where the request of a delivery stands, and the number of its last replay."""

    offset: int
    replay: int


@dataclass(slots=True)
class Plan:
    """What a replay sends: the deliveries that were found, by id. `sent` were sent by an earlier run that is gone on
    with, `gone` have no request in the log any more; `lost` is how many records of the partition, of whatever kind,
    Kafka has deleted, when the log begins within the time that was asked for. `before` are commands to replay this
    endpoint that are on record."""

    found: dict[str, Found] = field(default_factory=dict)
    sent: int = 0
    gone: int = 0
    lost: int = 0
    before: list[EndpointCommand] = field(default_factory=list)


class EndpointLog:
    """The partition of an endpoint in `deliveries`, from its beginning to its end when it was opened."""

    def __init__(self, consumer: AIOKafkaConsumer, place: TopicPartition, endpoint: str, start: int, end: int) -> None:
        self.place, self.start, self.end = place, start, end
        self._consumer, self._endpoint = consumer, endpoint

    async def plan(self, asked: Asked, died: Collection[str], goes_on: str | None, read: Read) -> Plan:
        """What is to be sent: delivered in the time, or `died` in it. Raises CommandFailed(2) when it is too much."""
        since = await self._offset(asked.since)
        ended = set(died)
        async with aclosing(self._events(since, await self._offset(asked.until), (DeliveryOutcome,), read)) as events:
            async for _, event in events:
                if isinstance(event, DeliveryOutcome) and _delivered(event, asked):
                    ended.add(event.delivery_id)
                if len(ended) > MOST:
                    raise CommandFailed(USAGE, f"these are more than {MOST} deliveries: take a shorter time")
        plan = await self._requested(asked, ended, goes_on, read)
        if since == self.start:
            plan.lost = self.start
        return plan

    async def _requested(self, asked: Asked, ended: Collection[str], goes_on: str | None, read: Read) -> Plan:
        plan, left = Plan(), set(ended)
        kinds = (DeliveryRequested, EndpointCommand)
        sent = set[str]()
        first = await self._offset(asked.since - REACH)
        async with aclosing(self._events(first, self.end, kinds, read)) as events:
            async for offset, event in events:
                if isinstance(event, EndpointCommand):
                    if _is_replay(event):
                        plan.before.append(event)
                    continue
                if not isinstance(event, DeliveryRequested) or event.delivery_id not in ended:
                    continue
                if goes_on is not None and event.cause == goes_on:
                    sent.add(event.delivery_id)
                if event.delivery_id in left:
                    left.discard(event.delivery_id)
                    if _fits(event, asked):
                        plan.found[event.delivery_id] = Found(offset, event.replay)
                elif (found := plan.found.get(event.delivery_id)) is not None:
                    found.replay = max(found.replay, event.replay)
        plan.sent, plan.gone = len(sent & plan.found.keys()), len(left)
        for delivery in sent:
            plan.found.pop(delivery, None)
        return plan

    async def requests(self, plan: Plan) -> AsyncGenerator[tuple[DeliveryRequested, int], None]:
        """The requests of a plan in the order of the log (and so of each lane), with the numbers of their replays."""
        numbers = {found.offset: found.replay + 1 for found in plan.found.values()}
        if not numbers:
            return
        events = self._events(min(numbers), max(numbers) + 1, (DeliveryRequested,), lambda count: None)
        async with aclosing(events):
            async for offset, event in events:
                if offset in numbers and isinstance(event, DeliveryRequested):
                    yield event, numbers[offset]

    async def command(self, event_id: str) -> EndpointCommand:
        """The command to replay this endpoint that has this id. Raises CommandFailed(65) when none is on record."""
        try:
            issued_at = (UUID(event_id).int >> 80) * 1000  # as a UUIDv7 has it
        except ValueError:
            raise CommandFailed(BAD_INPUT, f"{clipped(event_id, 60)!r} is not the id of a command") from None
        first = await self._offset(issued_at - HOUR)
        async with aclosing(self._events(first, self.end, (EndpointCommand,), lambda count: None)) as events:
            async for _, event in events:
                if isinstance(event, EndpointCommand) and event.event_id == event_id and _is_replay(event):
                    return event
        raise CommandFailed(BAD_INPUT, f"no replay {event_id} of {clipped(self._endpoint, 60)} is on record")

    async def _offset(self, at: int) -> int:
        """The offset of the first record that was appended at this time (microseconds) or later."""
        found = await offsets_since(self._consumer, [self.place], max(0, -(-at // 1000)))
        return min(max(found[self.place], self.start), self.end)

    async def _events(
        self, first: int, end: int, kinds: tuple[type[Event], ...], read: Read
    ) -> AsyncGenerator[tuple[int, Event], None]:
        """The events of these kinds about the endpoint, with their offsets; others are not even decoded."""
        wanted = {type_header(kind) for kind in kinds}
        self._consumer.seek(self.place, first)
        async with aclosing(read_to_end(self._consumer, {self.place: end})) as records:
            async for record in records:
                read(1)
                if (event := self._event(record, wanted, kinds)) is not None:
                    yield record.offset, event

    def _event(self, record: ConsumerRecord, wanted: Collection[bytes], kinds: tuple[type[Event], ...]) -> Event | None:
        claimed = next((value for name, value in record.headers if name == "ce_type"), None)
        if record.key != self._endpoint.encode() or (claimed is not None and claimed not in wanted):
            return None
        try:
            event = decode(record.value)
        except Undecodable:
            return None  # it is, or will be, a dead letter
        return event if isinstance(event, kinds) and getattr(event, "endpoint", None) == self._endpoint else None


def _delivered(outcome: DeliveryOutcome, asked: Asked) -> bool:
    return outcome.outcome is Outcome.DELIVERED and asked.tenant in (None, outcome.tenant)


def _is_replay(command: EndpointCommand) -> bool:
    return command.kind is EndpointCommandKind.REPLAY


def _fits(request: DeliveryRequested, asked: Asked) -> bool:
    if asked.tenant not in (None, request.tenant):
        return False
    problem = problem_in(request.body, request.content_type) if asked.codes else None
    return not asked.codes or (problem is not None and code_fits(problem.code or "", asked.codes))


@asynccontextmanager
async def log_of(settings: Settings, endpoint: str) -> AsyncIterator[EndpointLog]:
    """The log of an endpoint. Raises ServiceUnreachable, CommandFailed(69: no such topic)."""
    bootstrap = needed_bootstrap(settings)
    place = await place_of(settings, endpoint)
    try:
        async with open_consumer(bootstrap, fetch_max_wait_ms=100, auto_offset_reset="earliest") as consumer:
            consumer.assign([place])
            start, end = await consumer.beginning_offsets([place]), await consumer.end_offsets([place])
            yield EndpointLog(consumer, place, endpoint, start[place], end[place])
    except (KafkaError, TimeoutError) as error:
        raise kafka_unreachable(bootstrap, error) from error


async def place_of(settings: Settings, endpoint: str) -> TopicPartition:
    """The partition of `deliveries` where everything about an endpoint stands: its name is the key."""
    places = await places_of(settings, topic_name(settings.prefix, "deliveries"))
    numbers = [place.partition for place in places]
    return places[numbers.index(DefaultPartitioner()(endpoint.encode(), numbers, numbers))]
