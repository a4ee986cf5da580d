"""`tocsin publish`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from tocsin.connectors.dialects import AUTO, DIALECTS, Unreadable
from tocsin.connectors.publish import NothingToPublish, Origin, Publisher, PublishFailed, Receipt, problem_reported
from tocsin.schemas.errors import Unencodable
from tocsin.schemas.events import ProblemReported
from tocsin.streams.cli.documents import Document, bytes_of, check_dialect, documents_of, existing, name_of
from tocsin.streams.cli.options import checked_key, client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.processes.exit_codes import BAD_INPUT, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.rulesfile import load_redactions
from tocsin.streams.settings import Settings, SettingsInvalid

AT_ONCE = 500
"""The number of documents that are sent to Kafka at the same time."""


class _Count:
    """How the documents ended; the worst exit code of all."""

    def __init__(self) -> None:
        self.published = self.unconfirmed = 0
        self.refused: list[int] = []

    def exit_code(self) -> int:
        """Bad input counts only if Kafka took all the rest: an unreachable Kafka comes first."""
        return UNREACHABLE if self.unconfirmed else BAD_INPUT if self.refused else 0


def run(
    file: Annotated[
        Path | None,
        typer.Argument(dir_okay=False, callback=existing, help="A document, an array of them, or NDJSON; - is stdin."),
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="An example, instead of a file.")] = False,
    dialect: Annotated[str, typer.Option(help=f"{', '.join(DIALECTS)}, or auto.")] = AUTO,
    tenant: Annotated[str | None, typer.Option(help="The tenant (TOCSIN_TENANT).")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again counts once, line by line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per document.")] = False,
) -> None:
    """Publish one problem document, or many (NDJSON or an array); prints the event id that Kafka has acknowledged.

    Of many, good ones are published beside bad ones. Each is told of: LINE EVENT_ID on stdout when it is published,
    FILE:LINE and the reason on stderr when it is refused (exit 65). Publish only the refused lines again, corrected.
    (In an array, LINE is the place of the document, from 1.)
    """
    if example and file is not None:
        raise CommandFailed(USAGE, "either a FILE or --example")
    check_dialect(dialect)
    checked_key(idempotency_key)
    settings = _settings(tenant)
    documents = [(1, _example())] if example else documents_of(bytes_of(file))
    origin = Origin(tenant=settings.tenant, dialect=dialect, idempotency_key=idempotency_key)
    count = asyncio.run(_publish(settings, documents, origin, _Output(name_of(file), as_json, many=len(documents) > 1)))
    if len(documents) > 1 or count.refused or count.unconfirmed:
        unconfirmed = f", {count.unconfirmed} unconfirmed" if count.unconfirmed else ""
        show_error(f"tocsin: {count.published} published, {len(count.refused)} refused{unconfirmed}")
    if len(documents) > 1 and count.refused:
        show_error(f"tocsin: publish only these again: line {', '.join(map(str, sorted(count.refused)))}")
    raise typer.Exit(count.exit_code())


def _example() -> bytes:
    """A problem of its own each time: an identical one is told once a minute."""
    problem = json.loads((files("tocsin.streams") / "samples" / "rfc9457.json").read_bytes())
    return json.dumps(problem | {"instance": f"urn:uuid:{uuid4()}"}).encode()


def _settings(tenant: str | None) -> Settings:
    try:
        return client_settings(tenant=tenant)
    except SettingsInvalid as invalid:
        if any(line.startswith("--tenant:") for line in invalid.problems):
            raise CommandFailed(USAGE, "--tenant is 1 to 64 letters, digits, '.', '_' or '-'") from None
        raise


class _Output:
    """Shows how each document ended."""

    def __init__(self, name: str, as_json: bool, *, many: bool) -> None:
        self._name, self._as_json, self._many = name, as_json, many

    def published(self, line: int, receipt: Receipt) -> None:
        if self._as_json:
            place = {"partition": receipt.partition, "offset": receipt.offset}
            show_json({"line": line, "event_id": receipt.event_id, **place})
        else:
            show(f"{line} {receipt.event_id}" if self._many else receipt.event_id)

    def failed(self, line: int, error: Exception, event_id: str | None = None) -> None:
        if self._as_json:
            known = {} if event_id is None else {"event_id": event_id}
            show_json({"line": line, "error": str(error), **known})
        show_error(f"{self._name}:{line}: {error}")


async def _publish(settings: Settings, documents: list[Document], origin: Origin, output: _Output) -> _Count:
    count = _Count()
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
    return count


def _events(
    documents: list[Document], origin: Origin, output: _Output, count: _Count
) -> Iterator[tuple[int, ProblemReported]]:
    for line, raw in documents:
        try:
            yield line, problem_reported(raw, _origin_of(origin, line, len(documents)))
        except (Unreadable, NothingToPublish) as error:
            count.refused.append(line)
            output.failed(line, error)


def _note(line: int, event: ProblemReported, ended: Receipt | BaseException, output: _Output, count: _Count) -> None:
    match ended:
        case Receipt():
            count.published += 1
            output.published(line, ended)
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
