"""Commands about a case by Kafka itself: written, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from tocsin.connectors.commands import command_issued
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.printable import clipped
from tocsin.connectors.publish import Origin, Publisher
from tocsin.schemas.events import CommandAnswered, CommandIssued, CommandKind, CommandOutcome
from tocsin.streams.cli.asked import Asked
from tocsin.streams.cli.options import checked_key, client_settings, usage_error
from tocsin.streams.cli.outcomes import issued, seconds_of, tell
from tocsin.streams.processes.exit_codes import CHECK_FAILED, CommandFailed
from tocsin.streams.processes.finding import Found, case_behind, is_derived, plain
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.settings import Settings
from tocsin.streams.topics import require_topics


def issue_by_kafka(asked: Asked) -> None:
    """Write the command, wait, and tell what became of it. Raises CommandFailed, ServiceUnreachable."""
    kind, target, within = CommandKind(asked.kind), plain(asked.target), seconds_of(asked.wait)
    origin = Origin(tenant=asked.tenant or "default", idempotency_key=checked_key(asked.key))
    try:
        command_issued(kind, target, asked.given, origin)  # a mistake is reported before Kafka is contacted
        settings = client_settings(tenant=asked.tenant)
        origin = Origin(tenant=settings.tenant, idempotency_key=asked.key)

        def issue(about: str) -> CommandIssued:
            return command_issued(kind, about, asked.given, origin)

        command, answer = asyncio.run(_published(settings, kind, target, issue, within))
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None
    tell(command, answer, within, asked.as_json)


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
