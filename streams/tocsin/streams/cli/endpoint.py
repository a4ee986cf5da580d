"""`tocsin endpoint list | enable | disable | remove`: how endpoints stand; steer one while the bus runs. The commands
that make and try one have files of their own."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from time import time_ns
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from aiokafka.errors import KafkaError

from tocsin.connectors.commands import SubscriptionRefused, reason, who
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish import cloud_event_headers
from tocsin.schemas.codec import encode
from tocsin.schemas.events import CommandAnswered, EndpointCommand, EndpointCommandKind, SubscriptionSet
from tocsin.schemas.ids import new_event_id
from tocsin.streams.cli.answers_by_gateway import NOT_DONE
from tocsin.streams.cli.answers_by_gateway import tell as tell_answer
from tocsin.streams.cli.endpoint_made import Name, add, rotate, show_one
from tocsin.streams.cli.endpoint_of_file import check_known, endpoints_of_file
from tocsin.streams.cli.endpoint_ping import ping
from tocsin.streams.cli.endpoint_running import as_endpoint, made_while_running, running
from tocsin.streams.cli.endpoint_secret import secret
from tocsin.streams.cli.options import PATIENCE, AsJson, By, Tenant, Wait, Why, client_settings, usage_error
from tocsin.streams.cli.outcomes import issued, seconds_of, tell
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.over_http import GatewayClient, Url
from tocsin.streams.cli.rows import rows_of
from tocsin.streams.processes.endpoint_standing import ENDPOINT_ROWS, line_of_standing, standings_of
from tocsin.streams.processes.exit_codes import CHECK_FAILED, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.processes.kafka import kafka_unreachable, reachable
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

app = typer.Typer()
for _made_elsewhere in (add, rotate, secret):
    app.command()(_made_elsewhere)
app.command("show")(show_one)
app.command("test")(ping)


MAX_NAME = 255
"""Characters of an endpoint's name."""


@app.command()
def enable(
    name: Name, by: By, why: Why = None, wait: Wait = PATIENCE, as_json: AsJson = False, tenant: Tenant = None,
    url: Url = None,
) -> None:  # fmt: skip
    """Deliver to an endpoint again: what was parked for it goes out, in order and not all at once."""
    _command(EndpointCommandKind.ENABLE, name, by, why, wait, as_json, tenant, url)


@app.command()
def disable(
    name: Name, by: By, why: Why = None, wait: Wait = PATIENCE, as_json: AsJson = False, tenant: Tenant = None,
    url: Url = None,
) -> None:  # fmt: skip
    """Deliver nothing to an endpoint for now: deliveries are parked until it is enabled."""
    _command(EndpointCommandKind.DISABLE, name, by, why, wait, as_json, tenant, url)


@app.command()
def remove(
    name: Name, by: By, why: Why = None, wait: Wait = PATIENCE, as_json: AsJson = False, tenant: Tenant = None,
    url: Url = None,
    gone: Annotated[bool, typer.Option("--gone", help="Its name is right: it left the rules file before.")] = False,
) -> None:  # fmt: skip
    """Give an endpoint up: what waits for it ends in the dead letters. One of the rules file is to be taken out there
    as well; one that was made while the bus runs is no more."""
    if url is not None:
        with GatewayClient(url, tenant) as gateway:
            answer = gateway.delete(f"/v1/subscriptions/{quote(name, safe='')}", **{"tocsin-by": by})
        if answer.status != 200:
            raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
        show_json(answer.body) if as_json else show(f"removed {printable(name)}")
        return
    settings, made = _found(name)
    if made is not None:
        ended = asyncio.run(_end(settings, made, by))
        said = {"name": name, "outcome": "done" if ended else "already_so"}
        show_json(said) if as_json else show(f"removed {printable(name)}")
        return
    if not gone:
        asyncio.run(check_known(settings, name))
    _command(EndpointCommandKind.REMOVE, name, by, why, wait, as_json)
    if not as_json and name in endpoints_of_file(settings):
        out = f"take {printable(name)} out of {settings.rules} as well"
        show_error(f"tocsin: {out}: until then its routes fill the dead letters")


@app.command("list")
def list_endpoints(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object each.")] = False,
    tenant: Tenant = None,
    url: Url = None,
) -> None:
    """List the endpoints: where each comes from, whether it is on, failing, off or removed, since when, what is parked,
    how many of the peers whom it tells are held back, the last error.

    They are read from the changelog of `deliver`, which is read whole, from `settings`, and from the rules file if one
    is set. With --url: those of the tenant that were made while the bus runs.
    """
    if url is not None:
        for one in _listed(url, tenant):
            show_json(one) if as_json else show(_line_of(one))
        return
    settings = client_settings()
    names = endpoints_of_file(settings)
    rows = asyncio.run(rows_of(settings, "deliver", ENDPOINT_ROWS))
    made = {one.endpoint: (one.tenant, as_endpoint(one)) for one in asyncio.run(made_while_running(settings))}
    found = [row for _, row in rows if isinstance(row, EndpointRow)]
    for standing in standings_of(names, found, time_ns() // 1000, made):
        if tenant is None or standing.tenant in (None, tenant):
            show_json(msgspec.to_builtins(standing)) if as_json else show(line_of_standing(standing))
    if not names and not rows and not made and not as_json:
        show("no endpoint is failing, disabled or removed; with a rules file its endpoints are listed, too")


def _listed(url: str, tenant: str | None) -> list[dict[str, Any]]:
    with GatewayClient(url, tenant) as gateway:
        answer = gateway.get("/v1/subscriptions")
    if answer.status != 200:
        raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
    return list(answer.body["subscriptions"])


def _line_of(one: dict[str, Any]) -> str:
    words = [clipped(str(one["name"]), 80), str(one["state"]), str(one.get("url")), json.dumps(one.get("match"))]
    words += [f"last error {clipped(str(one['last_error']), 100)}"] if one.get("last_error") else []
    return printable(" ".join(words))


def _command(
    kind: EndpointCommandKind, name: str, by: str, why: str | None, wait: str, as_json: bool, tenant: str | None = None,
    url: str | None = None,
) -> None:  # fmt: skip
    if url is not None:
        said = json.dumps({"by": by} | ({} if why is None else {"why": why})).encode()
        waiting = f"?wait={quote(wait)}" if seconds_of(wait) else ""
        with GatewayClient(url, tenant) as gateway:
            tell_answer(gateway.post(f"/v1/subscriptions/{quote(name, safe='')}/{kind}{waiting}", said), as_json)
        return
    if not 0 < len(name) <= MAX_NAME:
        raise CommandFailed(USAGE, f"NAME is 1 to {MAX_NAME} characters")
    now, within = time_ns() // 1000, seconds_of(wait)
    try:
        by, why = who(by), reason(why)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    settings, made = _found(name)
    if kind is not EndpointCommandKind.REMOVE and made is None:
        asyncio.run(check_known(settings, name))
    command = EndpointCommand(
        event_id=new_event_id(),
        tenant=settings.tenant if made is None else made.tenant,
        occurred_at=now,
        recorded_at=now,
        endpoint=name,
        kind=kind,
        by=by,
        why=why,
    )
    answer = asyncio.run(_publish(settings, command, within))
    tell(command.event_id, answer, within, as_json)


def _found(name: str) -> tuple[Settings, SubscriptionSet | None]:
    """The settings, and the endpoint of this name if it was made while the bus runs, and is not the file's."""
    settings = client_settings()
    if name in endpoints_of_file(settings):
        return settings, None
    made = asyncio.run(made_while_running(settings))
    return settings, next((one for one in made if one.endpoint == name), None)


async def _end(settings: Settings, made: SubscriptionSet, by: str) -> bool:
    try:
        async with running(settings) as (subscriptions, _):
            return await subscriptions.end(made.endpoint, made.tenant, by)
    except SubscriptionRefused as refused:
        raise CommandFailed(CHECK_FAILED, refused.why) from None


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
