"""`tocsin acknowledge | resolve | snooze | choose`: commands about a case, or about a reply that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer

from tocsin.connectors.commands import command_issued
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import Origin, Publisher, Receipt
from tocsin.schemas.events import CommandIssued, CommandKind
from tocsin.streams.cli.options import (
    AsJson,
    By,
    For,
    Key,
    Tenant,
    Until,
    Why,
    checked_key,
    client_settings,
    usage_error,
)
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.settings import Settings

Case = Annotated[str, typer.Argument(metavar="ID", help="The event id of a report, or a case.")]


def acknowledge(
    target: Case, by: By, why: Why = None, tenant: Tenant = None, idempotency_key: Key = None, as_json: AsJson = False
) -> None:
    """Take a case: no further step of its escalation. Prints the event id that Kafka has acknowledged."""
    _issue(CommandKind.ACKNOWLEDGE, target, {"by": by, "why": why}, tenant, idempotency_key, as_json)


def resolve(
    target: Case, by: By, why: Why = None, tenant: Tenant = None, idempotency_key: Key = None, as_json: AsJson = False
) -> None:
    """Say that a case is over: its escalation is cancelled, and who was told of it is told so."""
    _issue(CommandKind.RESOLVE, target, {"by": by, "why": why}, tenant, idempotency_key, as_json)


def snooze(
    target: Case,
    by: By,
    why: Why = None,
    span: For = None,
    until: Until = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Put a case off: no step of its escalation until a time (--until) or for a span (--for); then it goes on."""
    given = {"by": by, "why": why, "for": span, "until": until}
    _issue(CommandKind.SNOOZE, target, given, tenant, idempotency_key, as_json)


def choose(
    target: Annotated[
        str, typer.Argument(metavar="ID", help="The event id of a time-out, a message that was sent, or its thread.")
    ],
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="wait, retry or give_up.")],
    by: By,
    why: Why = None,
    span: For = None,
    until: Until = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Choose about a reply that does not come: wait longer (--for or --until), retry, or give up."""
    given = {"by": by, "why": why, "for": span, "until": until, "choice": choice}
    _issue(CommandKind.CHOOSE, target, given, tenant, idempotency_key, as_json)


def _issue(
    kind: CommandKind, target: str, given: Mapping[str, object], tenant: str | None, key: str | None, as_json: bool
) -> None:
    origin = Origin(tenant=tenant or "default", idempotency_key=checked_key(key))
    try:
        command_issued(kind, target, given, origin)  # a mistake is reported before Kafka is contacted
        settings = client_settings(tenant=tenant)
        origin = Origin(tenant=settings.tenant, idempotency_key=key)
        issued = command_issued(kind, target, given, origin)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    receipt = asyncio.run(_publish(settings, issued))
    show_json({"event_id": receipt.event_id}) if as_json else show(receipt.event_id)


async def _publish(settings: Settings, issued: CommandIssued) -> Receipt:
    bootstrap = await reachable(settings)
    async with Publisher(bootstrap, tenant=settings.tenant, prefix=settings.prefix, source="tocsin:cli") as publisher:
        return await publisher.send(issued)
