"""Which case an id belongs to that somebody has seen: of an event, a delivery or a dead letter.

What the bus derives from a report has ids of its own, by which the rules know no case: they are looked for among the
last records of the topics.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from msgspec import Struct

from tocsin.connectors.kafka import open_consumer, partitions_of, read_to_end
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.streams.processes.kafka import ServiceUnreachable, kafka_unreachable
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

LOOKED_AT = 20_000
"""The most records of each topic that are looked at, the last ones."""

PAUSE = 1.0
"""Seconds between two looks of one gateway."""

KEYED_BY_CASE = ("problems", "escalations")
DERIVED = 5
"""The version of UUIDs that are derived from something (RFC 9562)."""


class Found(Struct, frozen=True):
    """Whose an id is, and the case that it belongs to, if that is known."""

    tenant: str
    case: str | None


def plain(target: str) -> str:
    """An id without `urn:uuid:`, as `instance` spells it."""
    return target.removeprefix("urn:uuid:")


def is_derived(target: str) -> bool:
    """Whether it may be the id of something that follows from a report; a publisher's own ids mostly are none."""
    with suppress(ValueError):
        return UUID(target).version == DERIVED
    return False


async def case_behind(bootstrap: str, settings: Settings, target: str) -> Found | None:
    """The case of the event, the delivery or the case of this id, of whatever tenant; None when none of the last
    records has it. Raises ServiceUnreachable."""
    wanted = target.encode()
    try:
        async with open_consumer(bootstrap, fetch_max_wait_ms=100) as consumer:
            for name in (*KEYED_BY_CASE, "deliveries", "inbox"):
                found = await _among(consumer, topic_name(settings.prefix, name), name, wanted)
                if found is not None:
                    return found
    except (KafkaError, TimeoutError) as error:
        raise kafka_unreachable(bootstrap, error) from error
    return None


class CasesBehind:
    """A `CasePort` on Kafka: one look at a time, and never two within a second, whoever asks."""

    def __init__(self, bootstrap: str, settings: Settings) -> None:
        self._bootstrap, self._settings = bootstrap, settings
        self._turn = asyncio.Lock()
        self._ended = 0.0

    async def case_of(self, target: str, tenant: str, within: float) -> str | None:
        """The case that an id belongs to; None when it is no such id, another tenant's, or not found in time."""
        if not is_derived(target):
            return None
        with suppress(TimeoutError, ServiceUnreachable):
            async with asyncio.timeout(within), self._turn:
                await asyncio.sleep(self._ended + PAUSE - monotonic())
                try:
                    found = await case_behind(self._bootstrap, self._settings, target)
                finally:
                    self._ended = monotonic()
                return found.case if found is not None and found.tenant == tenant else None
        return None


async def _among(consumer: AIOKafkaConsumer, topic: str, name: str, wanted: bytes) -> Found | None:
    places = await partitions_of(consumer, topic)
    consumer.assign(places)
    first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    for place in places:
        consumer.seek(place, max(first[place], ends[place] - LOOKED_AT // len(places)))
    async for record in read_to_end(consumer, ends, poll_ms=200):
        headers = dict(record.headers)
        named = name in KEYED_BY_CASE and record.key == wanted
        if named or headers.get("ce_id") == wanted:
            tenant = headers.get("ce_tenant", b"").decode("utf-8", "replace")
            return Found(tenant, _case_of(record, name))
    return None


def _case_of(record: ConsumerRecord, name: str) -> str | None:
    if name in KEYED_BY_CASE:
        return (record.key or b"").decode("utf-8", "replace")
    try:
        return getattr(decode(record.value), "case", None)
    except Undecodable:
        return None
