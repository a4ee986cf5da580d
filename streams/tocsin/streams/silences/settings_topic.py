"""The topic `settings`: the schemas that each process writes with, for the others to read; silences,
subscriptions, API keys.

For rolling upgrades (docs/architecture.md#topics), a process publishes the schemas that it writes before its first
write; a reader that meets an unknown schema id looks here, and waits until it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from time import time_ns

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from tocsin.connectors.access import ApiKeys
from tocsin.connectors.kafka import open_consumer, open_producer, read_to_end
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.redaction import redacted
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.errors import SchemaRefused, Undecodable, UndecodableReason
from tocsin.schemas.events import Event, KeySet, KeyUsed, OverrideSet, SchemaInUse, SilenceSet, SubscriptionSet
from tocsin.schemas.ids import derived_id
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.silences.silences import Silences
from tocsin.streams.silences.subscriptions import SubscriptionBroken, Subscriptions, key_of, place_of
from tocsin.streams.topics import require_topics
from tocsin.streams.topology import topic_name

_log = structlog.get_logger("tocsin.settings")

BUS = "tocsin"
SILENCE = "silence/"
KEY, KEY_USED = "key/", "key-used/"
AGAIN_AFTER = 1.0
"""Seconds after which a topic that could not be read is read again."""

READ_BACK_WITHIN = 10.0
"""Seconds within which what was written must be read back."""

MAX_BROKEN = 1000
"""How many broken settings are remembered by their keys."""

OnBroken = Callable[[bytes, bytes, int, str], Awaitable[None]]
"""Called with key, value, offset and reason of a record that cannot be what it says, once it was read."""


class SettingsTopic:
    """Follows `settings` into a SchemaBook, `silences`, `subscriptions` and `keys`. Open it before the first read or
    write of anything else.

    A broken record changes nothing: it is logged, noted, and `on_broken` is told of one that came while it was open.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        book: SchemaBook,
        process: str,
        silences: Silences | None = None,
        subscriptions: Subscriptions | None = None,
        on_broken: OnBroken | None = None,
    ) -> None:
        self.silences = Silences() if silences is None else silences
        self.subscriptions = Subscriptions() if subscriptions is None else subscriptions
        self.keys = ApiKeys()
        self._on_broken = on_broken
        self._broken: list[tuple[bytes, bytes, int, str]] = []
        self._broken_at: dict[bytes, str] = {}
        self._writing = asyncio.Lock()
        self._bootstrap, self._prefix, self._topic = bootstrap, prefix, topic_name(prefix, "settings")
        self._book, self._process = book, process
        self._announced: set[int] = set()
        self._put_at: dict[bytes, int] = {}
        self._followed_to = self._not_taken = 0
        self._unreadable: str | None = None
        self._following: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._open = contextlib.AsyncExitStack()

    async def __aenter__(self) -> SettingsTopic:
        """Read the topic whole, publish what is missing of our schemas, then follow it. Raises KafkaError, or
        TopicsMissing for any topic of the bus."""
        await require_topics(self._bootstrap, self._prefix)
        async with contextlib.AsyncExitStack() as opening:
            self._consumer = await opening.enter_async_context(open_consumer(self._bootstrap))
            await self._read_whole(self._consumer)
            await self._announce()
            self._open = opening.pop_all()
        self._broken.clear()
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        await self._open.aclose()

    def note(self) -> str | None:
        """For an operator: that `settings` cannot be followed now, so that what is in force may be old, or that records
        in it are broken; else None."""
        if self._unreadable is not None:
            return f"the topic {self._topic} cannot be read: {self._unreadable}"
        if self._broken_at:
            key, why = next(iter(self._broken_at.items()))
            return f"{len(self._broken_at)} settings are not in force: {key.decode('utf-8', 'replace')[:200]!r}: {why}"
        return None

    async def _read_whole(self, consumer: AIOKafkaConsumer) -> None:
        place = TopicPartition(self._topic, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        async for record in read_to_end(consumer):
            self._follow_record(record.key or b"", record.value, record.offset)

    async def _follow(self) -> None:
        while True:
            try:
                await self._read(1000)
                self._unreadable = None
                await self._tell_broken()
            except Exception as error:
                # any exception: a process that silently stopped following would decide by old settings for ever
                self._unreadable = type(error).__name__
                _log.warning(
                    "settings not readable", error=self._unreadable, exc_info=not isinstance(error, KafkaError)
                )
                await asyncio.sleep(AGAIN_AFTER)

    async def _read(self, timeout_ms: int) -> None:
        assert self._consumer is not None
        for records in (await self._consumer.getmany(timeout_ms=timeout_ms)).values():
            for record in records:
                self._follow_record(record.key or b"", record.value, record.offset)

    def _follow_record(self, key: bytes, value: bytes | None, offset: int) -> None:
        """Apply a record, unless this process has written, and already applied, a newer one under the same key."""
        self._followed_to = offset + 1
        if offset < self._put_at.get(key, 0):
            return
        self._put_at.pop(key, None)
        self._broken_at.pop(key, None)
        try:
            self._apply(key, value, offset)
        except SubscriptionBroken as broken:
            self._note_broken(key, value, offset, str(broken))
        except Exception:
            # one unexpected record must not keep the others from being applied
            _log.exception("setting not usable", offset=offset)

    def _apply(self, key: bytes, value: bytes | None, offset: int) -> None:
        if value is None:
            self._forget(key.decode("utf-8", "replace"))
            return
        try:
            event = decode(value, book=self._book)
        except Undecodable as undecodable:
            # A setting that cannot be read is not in force, and the log says so; nothing else is lost.
            if undecodable.reason is UndecodableReason.UNKNOWN_OWN_SCHEMA:  # of a later release, and no fault
                _log.error("setting not readable", offset=offset, reason=undecodable.reason.value)
            else:
                self._note_broken(key, value, offset, undecodable.reason.value)
            return
        self._apply_event(key, event, offset)

    def _apply_event(self, key: bytes, event: Event, offset: int) -> None:
        if isinstance(event, SilenceSet):
            self.silences.learn(event)
        elif isinstance(event, SubscriptionSet):
            if key != key_of(event).encode():
                raise SubscriptionBroken("it stands under a key that is not its own")
            if not self.subscriptions.learn(event):
                self._not_taken += 1
                if (
                    str(self._not_taken).strip("0") == "1"
                ):  # the first, the tenth, ...: whoever writes many fills no log
                    _log.info(
                        "subscription not taken: another one came first", endpoint=event.endpoint, offset=offset,
                        so_far=self._not_taken,
                    )  # fmt: skip
        elif isinstance(event, KeySet | KeyUsed):
            self.keys.learn(event)
        elif isinstance(event, SchemaInUse):
            self._apply_schema(event)

    def _forget(self, key: str) -> None:
        place = place_of(key)
        if key.startswith(KEY):
            self.keys.forget(key.removeprefix(KEY))
        elif place is None:
            self.silences.forget(key.removeprefix(SILENCE))
        else:
            self.subscriptions.forget(*place)

    def _note_broken(self, key: bytes, value: bytes | None, offset: int, why: str) -> None:
        _log.error("setting not in force: its record is broken", key=repr(key[:200]), offset=offset, why=why)
        if len(self._broken_at) < MAX_BROKEN:
            self._broken_at[key] = why
        if self._on_broken is not None:
            self._broken.append((key, value or b"", offset, why))

    async def _tell_broken(self) -> None:
        while self._broken and self._on_broken is not None:
            await self._on_broken(*self._broken[0])
            self._broken.pop(0)

    def _apply_schema(self, event: SchemaInUse) -> None:
        try:
            self._book.add_foreign_schema(event.schema_id, event.schema)
            self._announced.add(event.schema_id)
        except SchemaRefused as refused:
            _log.error("schema refused", schema_id=event.schema_id, process=event.process, why=str(refused))

    async def _announce(self) -> None:
        missing = [entry for entry in self._book.written() if entry.id not in self._announced]
        if not missing:
            return
        async with open_producer(self._bootstrap) as producer:  # so rarely that no connection is kept
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
                await self._put(producer, f"schema/{entry.id}", event)

    async def put_silence(self, silence: SilenceSet) -> None:
        """Make a silence, or end one (`removed`): returns once Kafka has it. Those that ended long ago are tombstoned
        on the way. Raises KafkaError or Unencodable."""
        silence = redacted(silence)
        async with open_producer(self._bootstrap) as producer:  # so rarely that no connection is kept
            self._apply_own(silence, await self._put(producer, SILENCE + silence.silence, silence))
            for ended in self.silences.ended():
                await producer.send_and_wait(self._topic, None, key=f"{SILENCE}{ended}".encode())

    def _apply_own(self, silence: SilenceSet, offset: int) -> None:
        """Apply at once what Kafka has at `offset`, unless the topic was read beyond it: that may be newer."""
        if offset < self._followed_to:
            return
        self._put_at[f"{SILENCE}{silence.silence}".encode()] = offset
        self.silences.learn(silence)

    async def put_subscription(self, event: SubscriptionSet) -> bool:
        """Make, change or end a subscription: returns once Kafka has it and it was read back, and then whether it
        holds; another writer may have come first. What it replaces is tombstoned on the way. Raises KafkaError,
        KafkaTimeoutError (not read back), SubscriptionBroken or Unencodable."""
        Subscriptions().learn(event)  # what nobody would take is not written
        async with self._writing, open_producer(self._bootstrap) as producer:
            await self._read_back(await self._put(producer, key_of(event), event))
            held = self.subscriptions.last(event.endpoint)
            holds = held is not None and held.event_id == event.event_id
            void = self.subscriptions.void(event.endpoint) if holds else [key_of(event)]
            for key in [*void, *self.subscriptions.ended()]:
                await producer.send_and_wait(self._topic, None, key=key.encode())
        return holds

    async def put_key(self, event: KeySet | KeyUsed) -> None:
        """Make or revoke a key, or tell its use: returns once Kafka has it and it was read back. Raises KafkaError,
        KafkaTimeoutError (not read back) or Unencodable."""
        kind = KEY if isinstance(event, KeySet) else KEY_USED
        async with open_producer(self._bootstrap) as producer:
            await self._read_back(await self._put(producer, kind + event.key, event))

    async def put_override(self, event: OverrideSet) -> None:
        """Set a value: returns once Kafka has it. Raises KafkaError or Unencodable."""
        async with open_producer(self._bootstrap) as producer:
            await self._put(producer, f"override/{event.override}", event)

    async def _read_back(self, offset: int) -> None:
        try:
            async with asyncio.timeout(READ_BACK_WITHIN):
                while self._followed_to <= offset:  # noqa: ASYNC110 - it is followed by a task of its own
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise KafkaTimeoutError from None

    async def _put(self, producer: AIOKafkaProducer, key: str, event: Event) -> int:
        headers = cloud_event_headers(event, f"/tocsin/{self._process}".encode())
        value = encode(event, book=self._book)
        return int((await producer.send_and_wait(self._topic, value, key=key.encode(), headers=headers)).offset)
