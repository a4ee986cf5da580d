"""`tocsin topics repartition`: the bus, stopped, into topics with another number of partitions."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from time import time_ns
from typing import TYPE_CHECKING, Annotated

import typer
from aiokafka.errors import KafkaError

from tocsin.streams.cli.moments import moment
from tocsin.streams.cli.options import client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.progress import bar
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Halt
from tocsin.streams.processes.exit_codes import GAVE_UP, UNREACHABLE, USAGE, CommandFailed
from tocsin.streams.processes.kafka import admin_of, needed_bootstrap
from tocsin.streams.settings import Settings

if TYPE_CHECKING:
    from tocsin.streams.processes.repartition.report import Report, Survey, Wanted

PREFIX = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""As TOCSIN_PREFIX."""
SHORTEST_HISTORY = 2 * 3600 * 1_000_000
"""Microseconds: the dispatcher reads back an hour of outcomes, a gateway an hour of answers."""


def run(
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="How many partitions each topic is to have.")],
    to: Annotated[str, typer.Option("--to", metavar="PREFIX", help="The prefix of the new topics: tocsin.p12.")],
    history: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Leave behind what is older and done with: 7d (ago), or RFC 3339."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be copied, and copy nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Copy the bus, stopped, into topics with another prefix and another number of partitions.

    Records, rows, timers, what is not decided yet and where consumer groups stand go to where their keys belong then;
    all is read back and compared. The old topics stay. Killed or failed, it begins anew when it is run again; until it
    has ended, no process starts on the new topics. Refused (exit 1) while a worker, dispatcher or subscriber runs.
    """
    from tocsin.streams.processes.repartition.report import Wanted  # of all rules: not for `plan` and `apply`

    old = client_settings()
    wanted = Wanted(old, _new_settings(old, to, partitions), _since(history))
    try:
        asyncio.run(_run(wanted, dry_run, as_json))
    except LogUnavailable as error:
        raise CommandFailed(UNREACHABLE, f"not done: {error}. Run it again as before: it begins anew") from error
    except Halt as error:
        raise CommandFailed(GAVE_UP, f"not done: {error}") from error
    except (KafkaError, TimeoutError) as error:
        why = f"not done: Kafka: {type(error).__name__}: {error}. Run it again as before: it begins anew"
        raise CommandFailed(UNREACHABLE, why) from error


def _new_settings(old: Settings, to: str, partitions: int) -> Settings:
    if to == old.prefix:
        raise CommandFailed(USAGE, f"--to {to} is the prefix of the bus itself: the new topics need another one")
    if not PREFIX.fullmatch(to):
        raise CommandFailed(USAGE, "--to is a prefix of 1 to 100 letters, digits, dots, dashes and underscores")
    return old.but(prefix=to, partitions=partitions)


def _since(history: str | None) -> int | None:
    if history is None:
        return None
    since = moment(history, "--history", now := time_ns() // 1000)
    if since > now - SHORTEST_HISTORY:
        raise CommandFailed(USAGE, "--history must be two hours at least: processes read back an hour when they start")
    return since


async def _run(wanted: Wanted, dry_run: bool, as_json: bool) -> None:
    from tocsin.streams.processes.repartition.command import Repartition
    from tocsin.streams.processes.repartition.survey import refuse_members

    async with admin_of(wanted.old) as admin:
        run = Repartition(wanted, needed_bootstrap(wanted.old), admin, bar)
        if (report := await run.done_before()) is not None:
            _tell(report, as_json, already=True)
            return
        if dry_run:
            survey = await run.survey()
            _tell_plan(wanted, survey, as_json)
            refuse_members(survey.alive)
            return
        if not as_json:
            show_error(f"copying {wanted.old.prefix}* to {wanted.new.prefix}*, {wanted.new.partitions} partitions")
        _tell(await run.run(), as_json, already=False)


def _tell_plan(wanted: Wanted, survey: Survey, as_json: bool) -> None:
    found, groups = survey.figures, sorted(survey.groups)
    size = sum(one.bytes for one in found)
    disk = size * wanted.new.replication
    if as_json:
        show_json(
            {
                "source": wanted.old.prefix,
                "target": wanted.new.prefix,
                "topics": [asdict(one) for one in found],
                "records": sum(one.records for one in found),
                "bytes": size,
                "disk": disk,
                "groups": groups,
                "alive": survey.alive,
            }
        )
        return
    for one in found:
        name = f"{wanted.old.prefix}{one.topic}"
        counts = f"{one.partitions_now} -> {one.partitions_then} partitions"
        show(f"{name:32} {counts:24} {one.records:>12,} records, about {_mib(one.bytes)}")
    show(f"groups that go on where they are: {', '.join(groups) or 'none'}")
    copies = f" in {wanted.new.replication} copies" if wanted.new.replication > 1 else ""
    show(f"about {_mib(disk)} of disk{copies}, besides what there is; nothing was copied")


def _tell(report: Report, as_json: bool, *, already: bool) -> None:
    if as_json:
        show_json({"done": True, "already": already} | asdict(report))
        return
    for one in report.topics:
        undecided = f", {one.undecided:,} of them to be dealt with" if one.undecided else ""
        show(f"{report.target}{one.topic}: {one.partitions} partitions, {one.records:,} records{undecided}")
    for agent, rows in report.rows.items():
        show(f"{report.target}{agent}-changelog: {rows:,} rows, {report.timers[agent]:,} of them with a timer")
    show("done before, and checked then" if already else "copied, read back and compared: all is there")
    show(f"now: TOCSIN_PREFIX={report.target} TOCSIN_PARTITIONS={report.partitions} for every process, publisher and")
    show("subscriber of this bus. A store: another TOCSIN_STORE, or first `tocsin project --rebuild`")


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MiB"
