"""What a subscriber puts aside: a record of the topic `dead`, with its bytes, the reason, and its group."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from tocsin.connectors.kafka import CLOSE_WITHIN, client_options, dead_headers, ended_within, within_bounds
from tocsin.connectors.kafka.pacing import PacedProducer
from tocsin.connectors.redaction import redact_text
from tocsin.connectors.subscribe.errors import SubscribeRefused
from tocsin.connectors.subscribe.reading import FOR_GROUP
from tocsin.connectors.subscribe.troubles import Troubles

STAGE = "subscriber"
ATTEMPTS = "tocsin.attempts"
LARGEST, LEAST = 2 * 1024 * 1024 + 64 * 1024, 256 * 1024
"""Bytes up to which a letter is whole: more than its topic takes; and what is tried when `dead` takes less."""
AGAIN_AFTER = 1.0
"""Seconds until a letter that could not be written is written again."""


class DeadLetters:
    """Writes to `<prefix>dead`. A letter is awaited: while it cannot be written, its partition stands still."""

    def __init__(self, bootstrap: str, prefix: str, group: str, troubles: Troubles) -> None:
        self._bootstrap, self._topic, self._group, self._troubles = bootstrap, f"{prefix}dead", group, troubles
        self._producer: AIOKafkaProducer | None = None
        self._alone = asyncio.Lock()

    async def bury(self, record: ConsumerRecord, reason: str, detail: str) -> None:
        """Returns when it is stored. Raises SubscribeRefused when Kafka will never take it."""
        detail = redact_text(f"group {self._group}: {detail}")
        kept = LARGEST
        while True:
            try:
                await self._write(record, reason, detail, kept)
                return
            except MessageSizeTooLargeError:
                if kept == LEAST:
                    raise SubscribeRefused(f"{self._topic} takes no dead letter of {LEAST} bytes") from None
                kept = LEAST
            except (ClusterAuthorizationFailedError, TopicAuthorizationFailedError) as error:
                raise SubscribeRefused(
                    f"Kafka does not let us write to {self._topic} ({type(error).__name__}): give this user the right"
                ) from None
            except (KafkaError, OSError, TimeoutError) as error:
                self._troubles.tell("dead", f"no dead letter can be written to {self._topic} ({type(error).__name__})")
                await self.close()
                await asyncio.sleep(AGAIN_AFTER)

    async def close(self) -> None:
        """End the producer, if there is one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await ended_within(CLOSE_WITHIN, producer.stop())

    async def _write(self, record: ConsumerRecord, reason: str, detail: str, kept: int) -> None:
        own = tuple((name, value) for name, value in record.headers if name != FOR_GROUP)
        key, value, headers = within_bounds(record.key, record.value, own, kept)
        why = dead_headers(record.topic, record.partition, record.offset, STAGE, reason, detail)
        # aiokafka sends no record that has neither key nor value, as a foreign client may have
        value = b"" if key is None and value is None else value
        headers = (*headers, *why, (FOR_GROUP, self._group.encode()))
        producer = await self._started()
        await producer.send_and_wait(self._topic, value, key=key, headers=list(headers))
        self._troubles.tell("dead", None)

    async def _started(self) -> AIOKafkaProducer:
        # Not idempotent: such a producer of aiokafka never gives up on a record, and a letter may come twice.
        async with self._alone:
            if self._producer is None:
                options = client_options(self._bootstrap)
                producer = PacedProducer(**options, acks="all", max_request_size=2 * LARGEST)
                try:
                    await producer.start()
                except BaseException:
                    await ended_within(CLOSE_WITHIN, producer.stop())
                    raise
                self._producer = producer
            return self._producer
