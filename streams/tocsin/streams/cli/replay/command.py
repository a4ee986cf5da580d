"""`tocsin replay --endpoint E --from T`: for a receiver that lost what it had."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from time import time_ns
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError

from tocsin.connectors.commands import reason
from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.kafka import open_producer
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish.headers import cloud_event_headers, rfc3339
from tocsin.schemas.codec import encode
from tocsin.schemas.events import CommandAnswered, DeliveryRequested, EndpointCommand, EndpointCommandKind
from tocsin.schemas.ids import new_event_id
from tocsin.streams.cli.dead.asking import user
from tocsin.streams.cli.dead.filters import wanted
from tocsin.streams.cli.endpoint_of_file import check_known
from tocsin.streams.cli.moments import window
from tocsin.streams.cli.options import Why, client_settings, usage_error
from tocsin.streams.cli.outcomes import HOLDS, issued, seconds_of
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.progress import bar
from tocsin.streams.cli.replay.log import Asked, Plan, log_of
from tocsin.streams.cli.replay.narrowed import continued, noted
from tocsin.streams.cli.replay.sending import Sending, Sent, following
from tocsin.streams.processes.dead.index import letters_of
from tocsin.streams.processes.exit_codes import CHECK_FAILED, GAVE_UP, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.processes.kafka import reachable
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.rules.policies import HOLD_COUNT
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name

MANY = 1000
"""More deliveries than this are sent only when somebody confirms it."""
MAX_NAME = 255
"""Characters of an endpoint's name."""
MENTIONED = 3
"""Replays of the same time that are mentioned, the last ones."""
ANSWERED_WITHIN = 30.0
"""Seconds for a worker to put the command on record."""


def run(
    endpoint: Annotated[str, typer.Option(help="The endpoint, as the rules file names it.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Sent since then: 2h (ago), or RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Sent before then; by default until now.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only what is of this tenant.")] = None,
    code: Annotated[
        list[str] | None, typer.Option(help="Only what tells of a problem with this code, or one below it.")
    ] = None,
    rate: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many a second.")] = None,
    goes_on: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="COMMAND",
            help="Go on with a replay that was stopped; time, tenant and codes are kept.",
        ),
    ] = None,
    wait: Annotated[
        str, typer.Option(metavar="SPAN", help="How long to watch what becomes of it, at the end.")
    ] = "10s",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: Annotated[str | None, typer.Option(help="Who wants it; by default the user of this machine.")] = None,
    why: Why = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Send again what was delivered to an endpoint in a time, or died there: for a receiver that lost what it had.

    Each delivery keeps its id and its place in its lane, and is marked (tocsin-replay); the endpoint's own limits hold.
    It is read from the log of `deliveries`, which Kafka keeps for 30 days; what is gone is counted, and ends with 1.
    """
    by, within = user(by), seconds_of(wait)
    asked = _asked(endpoint, since, until, tenant, code, goes_on)
    why, settings = _reason(why), client_settings()
    asked, plan, goes_on = asyncio.run(_planned(settings, asked, goes_on))
    _tell_plan(plan, asked, as_json or not plan.found, goes_on)
    if not (plan.found or plan.sent or plan.gone or plan.lost):
        asyncio.run(check_known(settings, endpoint))
    if dry_run or not plan.found:
        _end(plan, asked, None, Sent(), as_json)
        return
    if len(plan.found) > MANY and not yes:
        _confirm(len(plan.found))
    command = _command(settings, asked, by, noted(asked, why), goes_on)
    sent = asyncio.run(_carried_out(settings, asked, plan, command, goes_on or command.event_id, rate, within))
    _end(plan, asked, goes_on or command.event_id, sent, as_json)


def _asked(
    endpoint: str, since: str | None, until: str | None, tenant: str | None, code: list[str] | None, goes_on: str | None
) -> Asked:
    """What is meant, as far as the options say it. Raises CommandFailed."""
    if not 0 < len(endpoint) <= MAX_NAME or any("\ud800" <= letter <= "\udfff" for letter in endpoint):
        raise CommandFailed(USAGE, f"--endpoint is a name of 1 to {MAX_NAME} characters")
    if (since is None) == (goes_on is None) or (goes_on is not None and until is not None):
        raise CommandFailed(USAGE, "say --from (and --to), or --continue: that has its time already")
    first, last = window(since, until, now := time_ns() // 1000)
    codes = frozenset(one.strip(".") for one in code or ())
    return Asked(endpoint, first or 0, now if last is None else last, tenant, codes)


def _reason(why: str | None) -> str | None:
    """Raises CommandFailed: it is too long."""
    try:
        return reason(why)
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None


async def _planned(settings: Settings, asked: Asked, goes_on: str | None) -> tuple[Asked, Plan, str | None]:
    """What is meant, what is found of it, and the first command of the replay that is gone on with."""

    async def planned() -> tuple[Asked, Plan, str | None]:
        async with log_of(settings, asked.endpoint) as log:
            meant, first = asked, goes_on
            if goes_on is not None:
                command = await log.command(goes_on)
                until = command.until or asked.until
                meant = continued(replace(asked, since=command.since or 0, until=until), command.why)
                first = command.cause or command.event_id
            with bar("looking", None) as read:
                return meant, await log.plan(meant, await _died(settings, meant), first, read), first

    finished, found = await unless(stop_on_signals(), planned())
    if not finished or found is None:
        raise CommandFailed(GAVE_UP, "stopped; nothing was sent")
    return found


async def _died(settings: Settings, asked: Asked) -> set[str]:
    """The deliveries of the endpoint that died in the time and were not replayed since."""
    meant = wanted(
        stage=["deliver"], endpoint=[asked.endpoint], kind=["DeliveryRequested"],
        tenant=None if asked.tenant is None else [asked.tenant], code=sorted(asked.codes),
        since=rfc3339(asked.since), until=rfc3339(asked.until),
    )  # fmt: skip
    async with letters_of(settings, meant.since) as letters:
        index = await letters.index(meant, lambda letter: None, False, lambda count: None)
        async with aclosing(letters.chosen(index)) as chosen:
            return {letter.event.delivery_id async for letter in chosen if isinstance(letter.event, DeliveryRequested)}


def _command(settings: Settings, asked: Asked, by: str, why: str | None, goes_on: str | None) -> EndpointCommand:
    now = time_ns() // 1000
    return EndpointCommand(
        event_id=new_event_id(), tenant=settings.tenant, occurred_at=now, recorded_at=now, cause=goes_on,
        endpoint=asked.endpoint, kind=EndpointCommandKind.REPLAY, by=by, why=why, since=asked.since, until=asked.until,
    )  # fmt: skip


async def _carried_out(
    settings: Settings, asked: Asked, plan: Plan, command: EndpointCommand, cause: str, rate: int | None, within: float
) -> Sent:
    """Put the command on record, then write the requests. Raises CommandFailed when it is refused, or not answered."""
    stop, bootstrap = stop_on_signals(), await reachable(settings)
    async with (
        open_producer(bootstrap) as producer,
        log_of(settings, asked.endpoint) as log,
        following(settings, log) as follow,
    ):
        write = partial(
            producer.send_and_wait, topic_name(settings.prefix, "deliveries"), encode(command),
            key=asked.endpoint.encode(), headers=cloud_event_headers(command, b"tocsin:cli"),
        )  # fmt: skip
        _check(command, await issued(bootstrap, settings, command.event_id, write, ANSWERED_WITHIN))
        show_error(f"on record as {command.event_id}; should it be stopped: --continue {cause} goes on with it")
        sending = Sending(producer, follow, log.place, cause, rate, _hold_count(settings, asked.endpoint))
        sending.reached("replay_on_record")
        try:
            with bar("sending", len(plan.found)) as moved:
                async with aclosing(log.requests(plan)) as requests:
                    await sending.send(requests, stop, moved)
            await sending.watch(within, stop)
        except KafkaError as error:
            sending.sent.why = f"Kafka does not answer any more ({type(error).__name__})"
        return sending.sent


def _hold_count(settings: Settings, endpoint: str) -> int:
    """How many deliveries a lane of the endpoint holds, by the rules file; the default without one, or where it cannot
    be read here."""
    book = None if settings.rules is None else read_rules(settings.rules)[0]
    known = None if book is None else book.endpoints.get(endpoint)
    return HOLD_COUNT if known is None else known.delivery.hold_count


def _check(command: EndpointCommand, answer: CommandAnswered | None) -> None:
    if answer is None:
        raise CommandFailed(
            GAVE_UP,
            f"nothing was sent: no worker has put command {command.event_id} on record within {ANSWERED_WITHIN:.0f} s; "
            "see `tocsin doctor`",
        )
    if answer.outcome not in HOLDS:
        raise CommandFailed(CHECK_FAILED, f"nothing was sent: {answer.detail or answer.outcome}")


def _confirm(count: int) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed(USAGE, f"nobody is there to confirm that {count} deliveries are sent again: say --yes")
    if not typer.confirm("send them again?", err=True):
        raise typer.Exit(CHECK_FAILED)


def _tell_plan(plan: Plan, asked: Asked, quiet: bool, goes_on: str | None) -> None:
    times = f"{rfc3339(asked.since)[:19]}Z to {rfc3339(asked.until)[:19]}Z"
    if not quiet:
        already = f" ({plan.sent} more were sent by {clipped(goes_on or '', 60)})" if plan.sent else ""
        show_error(f"{len(plan.found)} deliveries to {clipped(asked.endpoint, 60)} from {times}{already}")
    begun = {one.cause or one.event_id: one for one in plan.before if _overlap(one, asked)}
    for root, one in [*begun.items()][-MENTIONED:]:
        if root != goes_on:
            at, by = f"{rfc3339(one.occurred_at)[:19]}Z", clipped(one.by, 60)
            show_error(printable(f"replayed before, at {at} by {by}: --continue {root} leaves out what that sent"))


def _overlap(command: EndpointCommand, asked: Asked) -> bool:
    return (command.since or 0) < asked.until and asked.since < (command.until or 0)


def _end(plan: Plan, asked: Asked, command: str | None, sent: Sent, as_json: bool) -> None:
    """Tell how it ended, and exit: 0 when everything of that time was sent, or would be."""
    left = 0 if command is None else len(plan.found) - sent.written
    if as_json:
        told: dict[str, Any] = {
            "endpoint": asked.endpoint, "command": command, "found": len(plan.found), "sent": sent.written,
            "sent_before": plan.sent, "delivered": sent.delivered, "rejected": sent.rejected, "died": sent.died,
            "left": left, "gone": plan.gone, "records_gone": plan.lost,
        }  # fmt: skip
        show_json(told)
    elif command is not None:
        rest = f", {sent.rejected} rejected" if sent.rejected else ""
        rest += f", {sent.died} died (tocsin dead list)" if sent.died else ""
        on = f", {sent.under_way} under way (tocsin tail deliveries)" if sent.under_way else ""
        show(f"{sent.written} sent again: {sent.delivered} delivered{rest}{on}")
    else:
        show(f"{len(plan.found)} would be sent again" if plan.found else "nothing was delivered there in that time")
    if plan.gone:
        show_error(
            f"{plan.gone} more were delivered or died in that time, and what they said is not in the log any more"
        )
    if plan.lost:
        show_error(f"the log begins later than asked for: {plan.lost} records of it, of every kind, are deleted")
    if sent.why:
        where = f"{left} are not sent; --continue {command} goes on"
        raise CommandFailed(UNREACHABLE if "Kafka" in sent.why else GAVE_UP, f"{sent.why}: {where}")
    if left:
        show_error(f"{left} were not sent: what they said was deleted from the log meanwhile")
    if plan.gone or plan.lost or left or not (plan.found or plan.sent):
        raise typer.Exit(CHECK_FAILED)
