"""`tocsin acknowledge | resolve | snooze | choose`: commands about a case, or about a reply that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

import typer

from tocsin.connectors.commands import command_issued
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.printable import clipped
from tocsin.connectors.publish import Origin, Publisher
from tocsin.schemas.events import CommandAnswered, CommandIssued, CommandKind, CommandOutcome
from tocsin.streams.cli.finding import Found, case_behind, is_derived, plain
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
from tocsin.streams.cli.outcomes import PATIENCE, Wait, issued, seconds_of, tell
from tocsin.streams.processes.exit_codes import CHECK_FAILED, CommandFailed
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.settings import Settings
from tocsin.streams.silences.settings_topic import require_topics

Case = Annotated[
    str,
    typer.Argument(metavar="ID", help="A case, or the id of a report, an event, a notification or a delivery."),
]


def acknowledge(
    target: Case,
    by: By,
    why: Why = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> None:
    """Take a case: no further step of its escalation. Waits for what becomes of it."""
    _issue(CommandKind.ACKNOWLEDGE, target, {"by": by, "why": why}, tenant, idempotency_key, wait, as_json)


def resolve(
    target: Case,
    by: By,
    why: Why = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> None:
    """Say that a case is over: its escalation is cancelled, and who was told of it is told so."""
    _issue(CommandKind.RESOLVE, target, {"by": by, "why": why}, tenant, idempotency_key, wait, as_json)


def snooze(
    target: Case,
    by: By,
    why: Why = None,
    span: For = None,
    until: Until = None,
    tenant: Tenant = None,
    idempotency_key: Key = None,
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> None:
    """Put a case off: no step of its escalation until a time (--until) or for a span (--for); then it goes on."""
    given = {"by": by, "why": why, "for": span, "until": until}
    _issue(CommandKind.SNOOZE, target, given, tenant, idempotency_key, wait, as_json)


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
    wait: Wait = PATIENCE,
    as_json: AsJson = False,
) -> None:
    """Choose about a reply that does not come: wait longer (--for or --until), retry, or give up."""
    given = {"by": by, "why": why, "for": span, "until": until, "choice": choice}
    _issue(CommandKind.CHOOSE, target, given, tenant, idempotency_key, wait, as_json)


def _issue(
    kind: CommandKind,
    target: str,
    given: Mapping[str, object],
    tenant: str | None,
    key: str | None,
    wait: str,
    as_json: bool,
) -> None:
    origin, within = Origin(tenant=tenant or "default", idempotency_key=checked_key(key)), seconds_of(wait)
    target = plain(target)
    try:
        command_issued(kind, target, given, origin)  # a mistake is reported before Kafka is contacted
        settings = client_settings(tenant=tenant)
        origin = Origin(tenant=settings.tenant, idempotency_key=key)

        def issue(about: str) -> CommandIssued:
            return command_issued(kind, about, given, origin)

        command, answer = asyncio.run(_published(settings, kind, target, issue, within))
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    tell(command, answer, within, as_json)


async def _published(
    settings: Settings, kind: CommandKind, target: str, issue: Callable[[str], CommandIssued], within: float
) -> tuple[str, CommandAnswered | None]:
    """The event id of the command, and its answer."""
    bootstrap = await reachable(settings)
    await require_topics(bootstrap, settings.prefix)
    found = None
    if kind is not CommandKind.CHOOSE and is_derived(target):
        found = await case_behind(bootstrap, settings, target)
    _check_tenant(target, found, settings)
    command = issue(target if found is None or found.case is None else found.case)
    async with Publisher(bootstrap, tenant=settings.tenant, prefix=settings.prefix, source="tocsin:cli") as publisher:
        answer = await issued(bootstrap, settings, command.event_id, partial(publisher.send, command), within)
    if (
        answer is not None
        and answer.outcome is CommandOutcome.KEPT
        and found is None
        and kind is not CommandKind.CHOOSE
    ):
        found = await case_behind(bootstrap, settings, target)
        _check_tenant(target, found, settings)
    return command.event_id, answer


def _check_tenant(target: str, found: Found | None, settings: Settings) -> None:
    """Raises CommandFailed(1) for what is another tenant's."""
    if found is not None and found.tenant != settings.tenant:
        raise CommandFailed(
            CHECK_FAILED,
            f"{clipped(target, 60)} is of tenant {clipped(found.tenant, 64)} and not of {settings.tenant}: nothing is "
            "done (--tenant)",
        )
