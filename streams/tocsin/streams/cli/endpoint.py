"""`tocsin endpoint enable | disable | remove`: steer one endpoint while the bus runs."""

from __future__ import annotations

import asyncio
from time import time_ns
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from tocsin.connectors.commands import reason, who
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.printable import clipped
from tocsin.connectors.publish import cloud_event_headers
from tocsin.schemas.codec import encode
from tocsin.schemas.events import EndpointCommand, EndpointCommandKind
from tocsin.schemas.ids import new_event_id
from tocsin.streams.cli.options import AsJson, By, Why, client_settings, usage_error
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, reachable
from tocsin.streams.rulesfile import load_rulebook
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import require_topics
from tocsin.streams.topology import topic_name

app = typer.Typer()
Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint, as the rules file names it.")]

MAX_NAME = 255
"""Characters of an endpoint's name."""


@app.command()
def enable(name: Name, by: By, why: Why = None, as_json: AsJson = False) -> None:
    """Deliver to an endpoint again: what was parked for it goes out, in order and not all at once."""
    _command(EndpointCommandKind.ENABLE, name, by, why, as_json)


@app.command()
def disable(name: Name, by: By, why: Why = None, as_json: AsJson = False) -> None:
    """Deliver nothing to an endpoint for now: deliveries are parked until it is enabled."""
    _command(EndpointCommandKind.DISABLE, name, by, why, as_json)


@app.command()
def remove(name: Name, by: By, why: Why = None, as_json: AsJson = False) -> None:
    """Give an endpoint up: what waits for it ends in the dead letters. Take it out of the rules file as well."""
    _command(EndpointCommandKind.REMOVE, name, by, why, as_json)


def _command(kind: EndpointCommandKind, name: str, by: str, why: str | None, as_json: bool) -> None:
    if not 0 < len(name) <= MAX_NAME:
        raise CommandFailed(USAGE, f"NAME is 1 to {MAX_NAME} characters")
    now = time_ns() // 1000
    try:
        by, why = who(by), reason(why)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    settings = client_settings()
    _check_known(settings, kind, name)
    command = EndpointCommand(
        event_id=new_event_id(),
        tenant=settings.tenant,
        occurred_at=now,
        recorded_at=now,
        endpoint=name,
        kind=kind,
        by=by,
        why=why,
    )
    asyncio.run(_publish(settings, command))
    show_json({"event_id": command.event_id}) if as_json else show(command.event_id)


def _check_known(settings: Settings, kind: EndpointCommandKind, name: str) -> None:
    """A misspelt name would be accepted and do nothing. Raises CommandFailed(2) if a rules file is set."""
    if settings.rules is None or kind is EndpointCommandKind.REMOVE:
        return
    known = load_rulebook(settings.rules).endpoints
    if name not in known:
        raise CommandFailed(USAGE, f"the rules have no endpoint {clipped(name, 60)}: {', '.join(sorted(known))}")


async def _publish(settings: Settings, command: EndpointCommand) -> None:
    bootstrap = await reachable(settings)
    headers = cloud_event_headers(command, b"tocsin:cli")
    topic = topic_name(settings.prefix, "deliveries")
    try:
        await require_topics(bootstrap, settings.prefix)
        async with open_producer(bootstrap) as producer:
            await producer.send_and_wait(topic, encode(command), key=command.endpoint.encode(), headers=headers)
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
