"""Where the gateway keeps what is no problem: the topic `dead`, with the reason `not_a_problem`.

It is no record of a topic that died: nothing replays it, and it does not count for the limit of dead letters.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tocsin.connectors.gateway import IgnoredDocument
from tocsin.connectors.kafka import BatchProducer
from tocsin.streams.engine.dead import CONNECT_PREFIX, DEAD_TOPIC, GATEWAY_STAGE, NOT_A_PROBLEM, REASON_HEADER
from tocsin.streams.processes.storing import stored
from tocsin.streams.topology import topic_name

MAX_NAME = 255
"""Characters of a header that came from outside."""


class IgnoredToDead:
    """An `IgnoredPort` over Kafka, to be used as a context; it connects when there is a first document. A document ends
    stored or not within `deadline` seconds."""

    def __init__(self, bootstrap: str, prefix: str, deadline: float = 10.0) -> None:
        self._topic = topic_name(prefix, DEAD_TOPIC)
        self._deadline = deadline
        self._producer = BatchProducer(bootstrap, topic=self._topic, request_timeout_ms=int(deadline * 1000))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.close()

    async def keep(self, document: IgnoredDocument) -> None:
        """Store it. Raises PublishUnconfirmed, or KafkaAway or TopicMissing: nothing was sent."""
        await stored(
            self._producer, self._topic, document.raw, key=document.tenant.encode(), headers=headers_of(document),
            deadline=self._deadline,
        )  # fmt: skip


def headers_of(document: IgnoredDocument) -> list[tuple[str, bytes]]:
    """The headers of its record, as of any dead letter."""
    found = (
        (REASON_HEADER, NOT_A_PROBLEM),
        (CONNECT_PREFIX + "stage", GATEWAY_STAGE),
        (CONNECT_PREFIX + "exception.message", document.why[:MAX_NAME]),
        ("tocsin.tenant", document.tenant),
        ("tocsin.media-type", document.media_type[:MAX_NAME]),
        ("tocsin.bytes", str(document.bytes)),
        ("tocsin.sha256", document.sha256),
        *((("tocsin.not-kept-before", str(document.not_kept)),) if document.not_kept else ()),
    )
    return [(name, text.encode("utf-8", "replace")) for name, text in found]
