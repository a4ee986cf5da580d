"""What a command does straight in Kafka, told on the topic `audit` as a gateway tells it: before, and how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time_ns

from msgspec.structs import replace

from tocsin.connectors.kafka import open_producer
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.schemas.codec import encode
from tocsin.schemas.events import AccessAudited, AuditOutcome, CredentialKind
from tocsin.schemas.ids import new_event_id
from tocsin.streams.processes.kafka import needed_bootstrap
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name


@asynccontextmanager
async def audited(settings: Settings, action: str, tenant: str, who: str, key: str) -> AsyncIterator[None]:
    """While the block runs it is being done. Raises KafkaError."""
    topic, now = topic_name(settings.prefix, "audit"), time_ns() // 1000
    asked = AccessAudited(
        event_id=new_event_id(), tenant=tenant, occurred_at=now, recorded_at=now, action=action,
        credential=CredentialKind.KAFKA, who=who, target=key, outcome=AuditOutcome.ASKED,
    )  # fmt: skip
    async with open_producer(needed_bootstrap(settings)) as producer:

        async def tell(event: AccessAudited) -> None:
            headers = cloud_event_headers(event, b"tocsin:cli")
            await producer.send_and_wait(topic, encode(event), key=tenant.encode(), headers=headers)

        await tell(asked)
        outcome = AuditOutcome.FAILED
        try:
            yield
            outcome = AuditOutcome.DONE
        finally:
            ended = {"event_id": new_event_id(), "cause": asked.event_id, "occurred_at": time_ns() // 1000}
            await tell(replace(asked, **ended, recorded_at=ended["occurred_at"], outcome=outcome))
