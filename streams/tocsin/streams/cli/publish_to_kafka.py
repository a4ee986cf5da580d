"""`tocsin publish` without `--url`: to Kafka itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import NothingToPublish, Origin, Publisher, PublishFailed, Receipt, problem_reported
from tocsin.schemas.errors import Unencodable
from tocsin.schemas.events import ProblemReported
from tocsin.streams.cli.documents import Document
from tocsin.streams.cli.publish_endings import Count, Output
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.rulesfile import load_redactions
from tocsin.streams.settings import Settings

AT_ONCE = 500
"""The number of documents that are sent to Kafka at the same time."""


async def publish_to_kafka(
    settings: Settings, documents: list[Document], dialect: str, key: str | None, output: Output, count: Count
) -> None:
    """Publish the documents, and note how each ended. Raises ServiceUnreachable."""
    origin = Origin(tenant=settings.tenant, dialect=dialect, idempotency_key=key)
    bootstrap = await reachable(settings)
    async with Publisher(
        bootstrap,
        tenant=settings.tenant,
        prefix=settings.prefix,
        source="tocsin:cli",
        redactions=load_redactions(settings.rules),
    ) as publisher:
        events = _events(documents, origin, output, count)
        while batch := list(islice(events, AT_ONCE)):
            sending = [publisher.send(event) for _, event in batch]
            for (line, event), ended in zip(batch, await asyncio.gather(*sending, return_exceptions=True), strict=True):
                _note(line, event, ended, output, count)


def _events(
    documents: list[Document], origin: Origin, output: Output, count: Count
) -> Iterator[tuple[int, ProblemReported]]:
    for line, raw in documents:
        try:
            yield line, problem_reported(raw, _origin_of(origin, line, len(documents)))
        except (Unreadable, NothingToPublish) as error:
            count.refused.append(line)
            output.failed(line, error)


def _note(line: int, event: ProblemReported, ended: Receipt | BaseException, output: Output, count: Count) -> None:
    match ended:
        case Receipt():
            count.published += 1
            output.published(line, ended.event_id, {"partition": ended.partition, "offset": ended.offset})
        case PublishFailed():
            count.unconfirmed += 1
            output.failed(line, ended, event.event_id)
        case Unencodable():
            count.refused.append(line)
            output.failed(line, ended)
        case _:
            raise ended


def _origin_of(origin: Origin, line: int, documents: int) -> Origin:
    if origin.idempotency_key is None or documents == 1:
        return origin
    return origin.within("line", str(line))
