"""The topic `settings`, as far as schemas go: what each process writes with, and what others need to read it.

Rolling upgrades (DESIGN.md section 4): a process publishes the schemas that it writes before its first write; a
reader that meets an id of ours which it does not know looks here, and waits while it is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import time_ns

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.errors import SchemaRefused, Undecodable
from tocsin.schemas.events import SchemaInUse
from tocsin.schemas.ids import derived_id
from tocsin.schemas.schema_book import SchemaBook

_log = structlog.get_logger("tocsin.settings")

BUS = "tocsin"


class SettingsTopic:
    """Follows `settings` into a SchemaBook. Open it before the first read or write of anything else."""

    def __init__(self, bootstrap: str, prefix: str, book: SchemaBook, process: str) -> None:
        self._bootstrap, self._topic = bootstrap, f"{prefix}settings"
        self._book, self._process = book, process
        self._announced: set[int] = set()
        self._following: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> SettingsTopic:
        """Read the topic whole, publish what is missing of our schemas, then follow it. Raises KafkaError."""
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        await self._consumer.start()
        place = TopicPartition(self._topic, 0)
        self._consumer.assign([place])
        await self._consumer.seek_to_beginning(place)
        end = (await self._consumer.end_offsets([place]))[place]
        while await self._consumer.position(place) < end:
            await self._read(500)
        await self._announce()
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        if self._consumer is not None:
            await self._consumer.stop()

    async def _follow(self) -> None:
        while True:
            try:
                await self._read(1000)
            except KafkaError as error:
                _log.warning("settings not readable", error=type(error).__name__)
                await asyncio.sleep(1.0)

    async def _read(self, timeout_ms: int) -> None:
        assert self._consumer is not None
        for records in (await self._consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                self._learn(record.value, record.offset)

    def _learn(self, value: bytes | None, offset: int) -> None:
        if value is None:
            return
        try:
            event = decode(value, book=self._book)
        except Undecodable as undecodable:
            # Nothing of ours is lost by it: a setting that cannot be read is not in force, and says so.
            _log.error("setting not readable", offset=offset, reason=undecodable.reason.value)
            return
        if not isinstance(event, SchemaInUse):
            return
        try:
            self._book.add_foreign_schema(event.schema_id, event.schema)
            self._announced.add(event.schema_id)
        except SchemaRefused as refused:
            _log.error("schema refused", schema_id=event.schema_id, process=event.process, why=str(refused))

    async def _announce(self) -> None:
        missing = [entry for entry in self._book.written() if entry.id not in self._announced]
        if not missing:
            return
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            for entry in missing:
                now = time_ns() // 1000
                event = SchemaInUse(
                    event_id=derived_id("schema", str(entry.id), entry.fingerprint),
                    tenant=BUS,
                    occurred_at=now,
                    recorded_at=now,
                    schema_id=entry.id,
                    subject=entry.subject,
                    schema=entry.text,
                    process=self._process,
                )
                headers = cloud_event_headers(event, f"/tocsin/{self._process}".encode())
                key = f"schema/{entry.id}".encode()
                await producer.send_and_wait(self._topic, encode(event, book=self._book), key=key, headers=headers)
        finally:
            await producer.stop()
