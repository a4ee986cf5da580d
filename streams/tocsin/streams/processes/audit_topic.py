"""The topic `audit`, as a gateway writes it; and when each API key was last used, on `settings`.

What is about to be changed is there before it is changed. Uses are written together, every FLUSH_EVERY seconds and when
the gateway stops; one that is killed takes with it what it had counted since.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import time_ns
from types import TracebackType
from typing import Self

import structlog
from aiokafka.errors import KafkaError

from tocsin.connectors.access import AuditBook
from tocsin.connectors.kafka import BatchProducer
from tocsin.connectors.publish import PublishFailed
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import encode
from tocsin.schemas.events import AccessAudited, AuditOutcome, KeyUsed
from tocsin.schemas.ids import new_event_id
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.processes.storing import stored
from tocsin.streams.silences.settings_topic import SettingsTopic
from tocsin.streams.topology import topic_name

_log = structlog.get_logger("tocsin.audit")

FLUSH_EVERY = 30.0
AGAIN_AFTER = 1.0
USED_EVERY = 600_000_000
"""Microseconds for which the last use of a key that was written down is new enough: one record in ten minutes a key."""
MAX_SOON = 10_000
"""How many endings wait for Kafka at most; those beyond are lost, and logged."""


class AuditTopic:
    """An `Audit` over Kafka, to be used as a context inside that of the settings topic."""

    def __init__(
        self, bootstrap: str, prefix: str, book: SchemaBook, settings: SettingsTopic, deadline: float = 10.0
    ) -> None:
        self._topic, self._book, self._settings, self._deadline = topic_name(prefix, "audit"), book, settings, deadline
        self._producer = BatchProducer(bootstrap, topic=self._topic, request_timeout_ms=int(deadline * 1000))
        self._counted, self._soon = AuditBook(), list[AccessAudited]()
        self._used: dict[str, AccessAudited] = {}
        self._wake, self._running = asyncio.Event(), True
        self._flushing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._flushing = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running = False
        self._wake.set()
        if self._flushing is not None:
            await self._flushing
        await self._producer.close()

    async def write(self, event: AccessAudited) -> None:
        """Store it at once. Raises a PublishFailed."""
        self._note_use(event)
        await self._store(event)

    def count(self, event: AccessAudited) -> None:
        """Count a use."""
        self._note_use(event)
        self._counted.count(event)

    def soon(self, event: AccessAudited) -> None:
        """Store it by and by."""
        if len(self._soon) >= MAX_SOON:
            _log.error("an ending is not on the topic audit", action=event.action, cause=event.cause)
            return
        self._soon.append(event)
        self._wake.set()

    def _note_use(self, event: AccessAudited) -> None:
        if event.key is not None and event.outcome is not AuditOutcome.REFUSED:
            self._used[event.key] = event

    async def _run(self) -> None:
        counted: list[AccessAudited] = []
        flushed_at = 0.0
        now = asyncio.get_running_loop().time
        while self._running or self._soon:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), AGAIN_AFTER)
            self._wake.clear()
            try:
                while self._soon:
                    await self._store(self._soon[0])
                    self._soon.pop(0)
                if now() - flushed_at < FLUSH_EVERY and self._running:
                    continue
                counted = counted or self._counted.take()
                while counted:
                    await self._store(counted[0])
                    counted.pop(0)
                await self._tell_uses()
                flushed_at = now()
            except (PublishFailed, KafkaError) as error:
                _log.warning("the topic audit cannot be written", error=type(error).__name__, waiting=len(self._soon))
                if not self._running:
                    return
                await asyncio.sleep(AGAIN_AFTER)

    async def _tell_uses(self) -> None:
        used, self._used = self._used, {}
        for key, event in used.items():
            last = self._settings.keys.last_used(key)
            if self._settings.keys.get(key) is None or (
                last is not None and event.occurred_at - last.occurred_at < USED_EVERY
            ):
                continue
            await self._settings.put_key(
                KeyUsed(
                    event_id=new_event_id(),
                    tenant=event.tenant,
                    occurred_at=event.occurred_at,
                    recorded_at=time_ns() // 1000,
                    key=key,
                    address=event.address,
                )
            )

    async def _store(self, event: AccessAudited) -> None:
        await stored(
            self._producer, self._topic, encode(event, book=self._book), key=event.tenant.encode(),
            headers=cloud_event_headers(event, b"tocsin:gateway"), deadline=self._deadline, event_id=event.event_id,
        )  # fmt: skip
