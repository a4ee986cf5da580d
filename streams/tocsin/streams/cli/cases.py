"""`tocsin cases`: the cases that are open, and who has taken them."""

from __future__ import annotations

import asyncio
from time import time_ns
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish.headers import rfc3339
from tocsin.streams.cli.options import Tenant, client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.rows import rows_of
from tocsin.streams.rules.state import CaseRow, EscalationRow
from tocsin.streams.settings import Settings

KINDS = ("case", "escalation")


class Case(Struct, frozen=True, kw_only=True):
    """One case as it stands: `by` is who took, snoozed or resolved it, `escalation` the policy that runs and how it
    stands, `step` its next step and `cycle` the round through it (both from 0; a step past the last one:
    all are done)."""

    case: str
    tenant: str
    status: str
    code: str
    severity: str
    count: int
    first_seen: str
    last_seen: str
    by: str | None = None
    until: str | None = None
    escalation: str | None = None
    step: int | None = None
    cycle: int | None = None
    thread: str | None = None
    endpoints: tuple[str, ...] = ()


def run(
    tenant: Tenant = None,
    everybody: Annotated[bool, typer.Option("--all-tenants", help="The cases of every tenant.")] = False,
    closed: Annotated[bool, typer.Option("--closed", help="Also those that are resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="The most cases that are shown, the last seen.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object each.")] = False,
) -> None:
    """List the tenant's open cases, the last seen first: how often, since when, who has taken them.

    They are read from the changelog of `decide`, which is read whole: with very many rows that takes a while.
    """
    settings = client_settings(tenant=tenant)
    rows = asyncio.run(rows_of(settings, "decide", KINDS))
    found = [one for one in cases_of(rows, time_ns() // 1000) if closed or one.status != "resolved"]
    mine = [one for one in found if everybody or one.tenant == settings.tenant]
    for case in mine[:limit]:
        show_json(msgspec.to_builtins(case)) if as_json else show(line_of(case, settings))
    if len(mine) > limit:
        show_error(f"tocsin: {len(mine) - limit} more: --limit")
    if not mine and not as_json:
        elsewhere = f" ({len(found)} of other tenants: --all-tenants)" if found else ""
        show(f"no open cases of tenant {settings.tenant}{elsewhere}")


def cases_of(rows: list[tuple[tuple[str, ...], Any]], now: int) -> list[Case]:
    """The cases as they stand at `now` (microseconds), the last seen first."""
    running = {key: row for key, row in rows if isinstance(row, EscalationRow)}
    cases = [(key, row) for key, row in rows if isinstance(row, CaseRow)]
    cases.sort(key=lambda one: (-one[1].last_seen, one[0]))
    return [_case(key, row, running.get(key), now) for key, row in cases]


def _case(key: tuple[str, ...], row: CaseRow, escalation: EscalationRow | None, now: int) -> Case:
    status = row.standing(now)
    return Case(
        case=key[-1],
        tenant=key[0],
        status=status,
        code=row.code,
        severity=row.severity,
        count=row.count,
        first_seen=rfc3339(row.first_seen),
        last_seen=rfc3339(row.last_seen),
        by=row.by or None if status != "open" else None,
        until=rfc3339(row.until) if status == "snoozed" and row.until is not None else None,
        escalation=f"{escalation.policy} {escalation.status}" if escalation is not None else None,
        step=escalation.step if escalation is not None else None,
        cycle=escalation.cycle if escalation is not None else None,
        thread=row.thread,
        endpoints=row.endpoints,
    )


def line_of(case: Case, settings: Settings) -> str:
    """One line for a person; nothing in it can control a terminal."""
    words = [case.case, case.status]
    words += [f"by {clipped(case.by, 60)}"] if case.by else []
    words += [f"until {case.until[:16]}"] if case.until else []
    words += [
        clipped(case.code or "(no code)", 80),
        f"{case.count}x",
        f"{case.first_seen[:19]} to {case.last_seen[:19]}",
    ]
    words += [_escalating(case.escalation, case.step or 0, case.cycle or 0)] if case.escalation else []
    words += [f"tenant {case.tenant}"] if case.tenant != settings.tenant else []
    return printable(" ".join(words))


def _escalating(escalation: str, step: int, cycle: int) -> str:
    """Counted from 1, as the messages to people do; of one that has ended, or was taken, nothing is next."""
    if not escalation.endswith((" running", " snoozed")):
        return f"escalation {clipped(escalation, 60)}"
    again = f" of round {cycle + 1}" if cycle else ""
    return f"escalation {clipped(escalation, 60)}, next is step {step + 1}{again}"
