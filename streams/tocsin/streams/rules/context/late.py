"""Late context: activity that comes after its problem completes the case, whose id never changes (DESIGN 3)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tocsin.connectors.dialects.codes import parse_code
from tocsin.schemas.events import ActivityObserved, ProblemExplained
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Severity
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.context.interaction import Strike, strike
from tocsin.streams.rules.context.pointing import Brought
from tocsin.streams.rules.context.threads import Told, context_from, thread_row
from tocsin.streams.rules.decision import PROBLEMS, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.state import CaseRow, ThreadRow, row_key


def explain(
    activity: ActivityObserved, brought: Iterable[Brought], row: ThreadRow, told: Told, rows: Rows, now: int
) -> tuple[ThreadRow, list[Decision]]:
    """Say of each case that waited what is now known, and let its problem do to the interaction what it would have done
    in time; returns the thread's row afterwards. A problem that nobody was told of has no case and is left alone."""
    decisions: list[Decision] = []
    for case, (report, by) in _first_of_each(brought).items():
        known = rows.get(row_key("case", activity.tenant, case))
        if not isinstance(known, CaseRow) or not _still_waits(known, case, by, told, activity.tenant, rows):
            continue
        blow, after = _strike_late(activity, known, row)
        context = context_from(row, row, _with_blow(told, by, row, blow), activity.tenant, rows)
        explained = ProblemExplained(
            **about(activity, derived_id("explained", report, activity.event_id), now),
            case=case,
            report=report,
            thread=context,
        )
        decisions.append(Emit(PROBLEMS, case, explained))
        row = after
    return row, decisions


def _still_waits(known: CaseRow, case: str, by: str, told: Told, tenant: str, rows: Rows) -> bool:
    """Whether the case has not been explained before. Its own thread, if it has one, knows: there it waits too."""
    if known.thread is None or by == "thread":
        return True
    own = None if known.thread == told.thread_id else thread_row(known.thread, tenant, rows)
    if own is None or all(waiting != case for waiting, _ in own.waiting):
        return False
    others = tuple(pair for pair in own.waiting if pair[0] != case)
    key = row_key("thread", tenant, known.thread)
    rows.put(key, msgspec.structs.replace(own, waiting=others), rows.due(key))
    return True


def _first_of_each(brought: Iterable[Brought]) -> dict[str, tuple[str, str]]:
    """Case -> (report, by): one activity may bring several ids of one problem."""
    found: dict[str, tuple[str, str]] = {}
    for one in brought:
        for case, report in one.waiting:
            found.setdefault(case, (report, one.by))
    return found


def _strike_late(activity: ActivityObserved, case: CaseRow, row: ThreadRow) -> tuple[Strike | None, ThreadRow]:
    """What the case's last problem does to the interaction: nothing when this activity happened after it."""
    if activity.occurred_at > case.last_seen:
        return None, row
    try:
        severity = Severity(case.severity)
    except ValueError:
        severity = Severity.UNKNOWN
    return strike(row, severity, parse_code(case.code).scope, case.code)


def _with_blow(told: Told, by: str, row: ThreadRow, blow: Strike | None) -> Told:
    return msgspec.structs.replace(
        told,
        found_by=by,
        state=row.state,
        effect=blow.effect if blow else None,
        state_after=blow.state if blow else None,
    )
