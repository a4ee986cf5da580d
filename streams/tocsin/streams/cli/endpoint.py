"""`tocsin endpoint list | enable | disable | remove`: how endpoints stand; steer one while the bus runs."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from functools import partial
from time import time_ns
from typing import Annotated

import msgspec
import typer
from aiokafka.errors import KafkaError
from msgspec import Struct

from tocsin.connectors.commands import reason, who
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish import cloud_event_headers
from tocsin.connectors.publish.headers import rfc3339
from tocsin.schemas.codec import encode
from tocsin.schemas.events import CommandAnswered, EndpointCommand, EndpointCommandKind
from tocsin.schemas.ids import new_event_id
from tocsin.streams.cli.endpoint_secret import secret
from tocsin.streams.cli.options import PATIENCE, AsJson, By, Wait, Why, client_settings, usage_error
from tocsin.streams.cli.outcomes import issued, seconds_of, tell
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.cli.rows import rows_of
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, reachable
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.delivery.gate import held_by
from tocsin.streams.rules.delivery.health import standing_of
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

app = typer.Typer()
app.command()(secret)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint, as the rules file names it.")]


class Standing(Struct, frozen=True, kw_only=True):
    """How an endpoint stands, since when, what holds deliveries back from it and how many are parked, and how often and
    how it failed since an attempt went well; its rate as the rules file has it."""

    endpoint: str
    state: str = "enabled"
    since: str | None = None
    breaker: str = "closed"
    held_by: str | None = None
    throttled_until: str | None = None
    parked: int = 0
    rate: str | None = None
    failures: int = 0
    last_error: str | None = None


MAX_NAME = 255
"""Characters of an endpoint's name."""


@app.command()
def enable(name: Name, by: By, why: Why = None, wait: Wait = PATIENCE, as_json: AsJson = False) -> None:
    """Deliver to an endpoint again: what was parked for it goes out, in order and not all at once."""
    _command(EndpointCommandKind.ENABLE, name, by, why, wait, as_json)


@app.command()
def disable(name: Name, by: By, why: Why = None, wait: Wait = PATIENCE, as_json: AsJson = False) -> None:
    """Deliver nothing to an endpoint for now: deliveries are parked until it is enabled."""
    _command(EndpointCommandKind.DISABLE, name, by, why, wait, as_json)


@app.command()
def remove(name: Name, by: By, why: Why = None, wait: Wait = PATIENCE, as_json: AsJson = False) -> None:
    """Give an endpoint up: what waits for it ends in the dead letters. Take it out of the rules file as well."""
    _command(EndpointCommandKind.REMOVE, name, by, why, wait, as_json)


@app.command("list")
def list_endpoints(as_json: Annotated[bool, typer.Option("--json", help="One JSON object each.")] = False) -> None:
    """List the endpoints: on, failing, off or removed, since when, what is parked, the last error.

    They are read from the changelog of `deliver`, which is read whole, and from the rules file if one is set.
    """
    settings = client_settings()
    names = _endpoints(settings)
    rows = asyncio.run(rows_of(settings, "deliver", ("endpoint",)))
    found = [row for _, row in rows if isinstance(row, EndpointRow)]
    for standing in standings_of(names, found, time_ns() // 1000):
        show_json(msgspec.to_builtins(standing)) if as_json else show(_line(standing))
    if not names and not rows and not as_json:
        show("no endpoint is failing, disabled or removed; with a rules file its endpoints are listed, too")


def standings_of(endpoints: Mapping[str, Endpoint], rows: Collection[EndpointRow], now: int) -> list[Standing]:
    """How these endpoints of the rules file, and those that have a row, stand at a time (microseconds)."""
    known = {row.endpoint: row for row in rows}
    return [_standing(name, endpoints.get(name), known.get(name), now) for name in sorted({*endpoints, *known})]


def _standing(name: str, endpoint: Endpoint | None, row: EndpointRow | None, now: int) -> Standing:
    rate = None if endpoint is None or endpoint.delivery.rate is None else str(endpoint.delivery.rate)
    if row is None:
        return Standing(endpoint=name, rate=rate)
    state = standing_of(row)
    since = row.failing_since if state in ("failing", "enabled") else row.since
    return Standing(
        endpoint=name, state=state, since=None if since is None else rfc3339(since), parked=row.waiting,
        failures=row.failures, last_error=row.last_error or None, rate=rate, held_by=held_by(row, now),
        breaker=row.breaker.replace("_", "-"),
        throttled_until=rfc3339(row.throttled_until) if row.throttled_until > now else None,
    )  # fmt: skip


def _line(standing: Standing) -> str:
    words = [clipped(standing.endpoint, 80), standing.state]
    words += [f"since {standing.since[:19]}Z"] if standing.since and standing.state != "enabled" else []
    words += [f"breaker {standing.breaker}"] if standing.breaker != "closed" else []
    words += [f"throttled until {standing.throttled_until[:19]}Z"] if standing.throttled_until else []
    words += [f"{standing.parked} parked"] if standing.parked else []
    words += [f"{standing.failures} failures"] if standing.failures else []
    words += [f"last error {clipped(standing.last_error, 100)}"] if standing.last_error else []
    words += [f"rate {standing.rate}"] if standing.rate else []
    if standing.state in ("disabled", "removed"):
        words.append(f"(tocsin endpoint enable {clipped(standing.endpoint, 80)} --by YOU)")
    return printable(" ".join(words))


def _command(kind: EndpointCommandKind, name: str, by: str, why: str | None, wait: str, as_json: bool) -> None:
    if not 0 < len(name) <= MAX_NAME:
        raise CommandFailed(USAGE, f"NAME is 1 to {MAX_NAME} characters")
    now, within = time_ns() // 1000, seconds_of(wait)
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
    answer = asyncio.run(_publish(settings, command, within))
    tell(command.event_id, answer, within, as_json)


def _endpoints(settings: Settings) -> Mapping[str, Endpoint]:
    """The endpoints of the rules file; none without one, or when it cannot be read here (a secret that only the bus
    has, a mistake while the rules before it hold)."""
    book = None if settings.rules is None else read_rules(settings.rules)[0]
    return {} if book is None else book.endpoints


def _check_known(settings: Settings, kind: EndpointCommandKind, name: str) -> None:
    """Raises CommandFailed(2) for a name that the rules file does not have; the worker refuses it, too, but later."""
    known = _endpoints(settings)
    if known and kind is not EndpointCommandKind.REMOVE and name not in known:
        raise CommandFailed(USAGE, f"the rules have no endpoint {clipped(name, 60)}: {', '.join(sorted(known))}")


async def _publish(settings: Settings, command: EndpointCommand, within: float) -> CommandAnswered | None:
    bootstrap = await reachable(settings)
    headers = cloud_event_headers(command, b"tocsin:cli")
    topic = topic_name(settings.prefix, "deliveries")
    try:
        async with open_producer(bootstrap) as producer:
            write = partial(
                producer.send_and_wait, topic, encode(command), key=command.endpoint.encode(), headers=headers
            )
            return await issued(bootstrap, settings, command.event_id, write, within)
    except KafkaError as error:
        raise kafka_unreachable(bootstrap, error) from error
