"""`tocsin publish`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from tocsin.connectors.dialects import AUTO, DIALECTS, Unreadable, load_dialect
from tocsin.connectors.publish import NothingToPublish, Origin, Publisher, PublishFailed, Receipt, problem_reported
from tocsin.schemas.errors import Unencodable
from tocsin.schemas.events import ProblemReported
from tocsin.streams.commands.admin import reachable
from tocsin.streams.commands.failures import BAD_INPUT, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.commands.locating import located_settings
from tocsin.streams.commands.logs import set_up_logging
from tocsin.streams.commands.showing import show, show_json, tell
from tocsin.streams.settings import Settings

AT_ONCE = 500
"""Documents on their way to Kafka at the same time."""

Document = tuple[int, bytes]
"""The number of its first line, and its bytes."""


class _Count:
    """How the documents ended; the worst exit code of all."""

    def __init__(self) -> None:
        self.published = self.refused = self.unconfirmed = 0

    def exit_code(self) -> int:
        """Bad input is told before an unreachable Kafka only if Kafka took all the rest."""
        return UNREACHABLE if self.unconfirmed else BAD_INPUT if self.refused else 0


def run(
    file: Annotated[
        Path | None,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="A document, or NDJSON; else stdin."),
    ] = None,
    dialect: Annotated[str, typer.Option(help=f"{', '.join(DIALECTS)}, or auto.")] = AUTO,
    tenant: Annotated[str | None, typer.Option(help="The tenant (TOCSIN_TENANT).")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again counts once (line n: KEY/n).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per document.")] = False,
) -> None:
    """Publish one problem document or a file of them (NDJSON); prints each event id once Kafka has acknowledged it.

    A document that cannot be read is refused with FILE:LINE and the reason (exit 65); the others are published.
    """
    _check_dialect(dialect)
    settings = located_settings(tenant=tenant)
    set_up_logging(settings.log_format, "warning")
    raw = file.read_bytes() if file else sys.stdin.buffer.read()
    name = str(file) if file else "stdin"
    documents = documents_of(raw)
    origin = Origin(tenant=settings.tenant, dialect=dialect, idempotency_key=idempotency_key)
    count = asyncio.run(_publish(settings, documents, origin, _Telling(name, as_json)))
    if len(documents) > 1 or count.refused or count.unconfirmed:
        unconfirmed = f", {count.unconfirmed} unconfirmed" if count.unconfirmed else ""
        tell(f"tocsin: {count.published} published, {count.refused} refused{unconfirmed}")
    raise typer.Exit(count.exit_code())


def documents_of(raw: bytes) -> list[Document]:
    """One document, or, when the whole is no JSON value but some line is an object, one for each line that has any."""
    lines = raw.split(b"\n")
    if _is_json(raw) or not any(line.lstrip().startswith(b"{") and _is_json(line) for line in lines):
        return [(1, raw)]
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


class _Telling:
    """Says how each document ended."""

    def __init__(self, name: str, as_json: bool) -> None:
        self._name, self._as_json = name, as_json

    def published(self, line: int, receipt: Receipt) -> None:
        if self._as_json:
            place = {"partition": receipt.partition, "offset": receipt.offset}
            show_json({"line": line, "event_id": receipt.event_id, **place})
        else:
            show(receipt.event_id)

    def failed(self, line: int, error: Exception, event_id: str | None = None) -> None:
        if self._as_json:
            known = {} if event_id is None else {"event_id": event_id}
            show_json({"line": line, "error": str(error), **known})
        tell(f"{self._name}:{line}: {error}")


async def _publish(settings: Settings, documents: list[Document], origin: Origin, telling: _Telling) -> _Count:
    count = _Count()
    bootstrap = await reachable(settings)
    async with Publisher(bootstrap, tenant=settings.tenant, prefix=settings.prefix, source="tocsin:cli") as publisher:
        events = _events(documents, origin, telling, count)
        while batch := list(islice(events, AT_ONCE)):
            sending = [publisher.send(event) for _, event in batch]
            for (line, event), ended in zip(batch, await asyncio.gather(*sending, return_exceptions=True), strict=True):
                _note(line, event, ended, telling, count)
    return count


def _events(
    documents: list[Document], origin: Origin, telling: _Telling, count: _Count
) -> Iterator[tuple[int, ProblemReported]]:
    for line, raw in documents:
        try:
            yield line, problem_reported(raw, _origin_of(origin, line, len(documents)))
        except (Unreadable, NothingToPublish) as error:
            count.refused += 1
            telling.failed(line, error)


def _note(line: int, event: ProblemReported, ended: Receipt | BaseException, telling: _Telling, count: _Count) -> None:
    match ended:
        case Receipt():
            count.published += 1
            telling.published(line, ended)
        case PublishFailed():
            count.unconfirmed += 1
            telling.failed(line, ended, event.event_id)
        case Unencodable():
            count.refused += 1
            telling.failed(line, ended)
        case _:
            raise ended


def _origin_of(origin: Origin, line: int, documents: int) -> Origin:
    if origin.idempotency_key is None or documents == 1:
        return origin
    return Origin(tenant=origin.tenant, dialect=origin.dialect, idempotency_key=f"{origin.idempotency_key}/{line}")


def _check_dialect(dialect: str) -> None:
    if dialect == AUTO:
        return
    try:
        load_dialect(dialect)
    except Unreadable as unreadable:
        raise CommandFailed(USAGE, f"--dialect {dialect}: {unreadable}") from None


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True
