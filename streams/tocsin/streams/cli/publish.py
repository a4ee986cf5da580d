"""`tocsin publish`."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from tocsin.connectors.dialects import AUTO, DIALECTS, load_dialect
from tocsin.connectors.printable import printable
from tocsin.streams.cli.documents import Document, bytes_of, check_dialect, documents_of, existing, name_of
from tocsin.streams.cli.options import checked_key, client_settings
from tocsin.streams.cli.output import show_error
from tocsin.streams.cli.over_http import GatewayClient, Url
from tocsin.streams.cli.publish_endings import Count, Output
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed

if TYPE_CHECKING:
    from tocsin.streams.settings import Settings


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
    url: Url = None,
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
    settings = None if url else _settings(tenant)
    documents = [(1, _example())] if example else documents_of(bytes_of(file))
    output, count = Output(name_of(file), as_json, many=len(documents) > 1), Count()
    if url:
        with GatewayClient(url, tenant) as gateway:
            _publish_over_http(gateway, documents, dialect, idempotency_key, output, count)
    elif settings is not None:
        from tocsin.streams.cli.publish_to_kafka import publish_to_kafka  # with its client: not with --url

        asyncio.run(publish_to_kafka(settings, documents, dialect, idempotency_key, output, count))
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
    from tocsin.streams.settings import SettingsInvalid  # not with --url: it takes longer than asking a gateway

    try:
        return client_settings(tenant=tenant)
    except SettingsInvalid as invalid:
        if any(line.startswith("--tenant:") for line in invalid.problems):
            raise CommandFailed(USAGE, "--tenant is 1 to 64 letters, digits, '.', '_' or '-'") from None
        raise


def _publish_over_http(
    gateway: GatewayClient, documents: list[Document], dialect: str, key: str | None, output: Output, count: Count
) -> None:
    media_type = "text/plain" if dialect != AUTO and load_dialect(dialect).NAME == "text" else "application/json"
    for line, raw in documents:
        # The line is part of the key: each document of a file is one of its own.
        keyed = {} if key is None else {"idempotency-key": key if len(documents) == 1 else f"{key}:line:{line}"}
        answer = gateway.post(f"/v1/problems?dialect={dialect}", raw, media_type, **keyed)
        if answer.status == 202 and "event_id" in answer.body:
            count.published += 1
            output.published(line, printable(str(answer.body["event_id"])), {})
        elif answer.status == 202:
            count.refused.append(line)
            output.failed(line, printable(str(answer.body.get("ignored", "it was not taken"))))
        elif answer.status >= 500 or answer.status == 429:
            count.unconfirmed += 1
            output.failed(line, answer.why, answer.body.get("event_id"))
        else:
            count.refused.append(line)
            output.failed(line, answer.why)
