"""What a person or a program wants done with a case. A command that comes too early is kept (DESIGN 5)."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import CommandIssued, CommandKind, EscalationAcknowledged, ProblemReported, ProblemResolved
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.decision import ESCALATIONS, INBOX, PROBLEMS, DeadLetter, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.rows import CaseRow, KeptCommand, SeenRow, row_key

_UNDERSTOOD = (CommandKind.RESOLVE, CommandKind.ACKNOWLEDGE)


def command(issued: CommandIssued, rows: Rows, now: int, kept_ttl: int) -> list[Decision]:
    """Carry out a command on the case `issued.target`, or on the case of that event id while it is remembered.

    Kept for `kept_ttl` microseconds when there is no such case yet; a later command on the same target takes the
    place of a kept one, unless that resolves. Kinds that are not built yet are dead-lettered: never silently dropped.
    """
    if issued.kind not in _UNDERSTOOD:
        return [_dead(issued, "command_not_supported", f"{issued.kind} is not supported yet", keep=True)]
    case = _case_of(issued, rows)
    if case is not None:
        return _carry_out(issued, case, rows, now)
    key = row_key("kept", issued.tenant, issued.target)
    kept = rows.get(key)
    if not (isinstance(kept, KeptCommand) and kept.kind == CommandKind.RESOLVE):
        rows.put(key, _keep(issued), now + kept_ttl)
    return []


def apply_kept(report: ProblemReported, case: str, rows: Rows, now: int) -> list[Decision]:
    """Carry out the commands that were waiting for this report or its case."""
    decisions: list[Decision] = []
    for target in (report.event_id, case):
        key = row_key("kept", report.tenant, target)
        kept = rows.get(key)
        if isinstance(kept, KeptCommand):
            rows.delete(key)
            decisions += _carry_out(_issued(kept), case, rows, now)
    return decisions


def forget(kept: KeptCommand) -> DeadLetter:
    """The end of a command whose case never came."""
    return _dead(_issued(kept), "command_without_case", f"nothing known as {kept.target} has come", keep=False)


def _carry_out(issued: CommandIssued, case: str, rows: Rows, now: int) -> list[Decision]:
    key = row_key("case", issued.tenant, case)
    row = rows.get(key)
    status = "resolved" if issued.kind is CommandKind.RESOLVE else "acknowledged"
    if not isinstance(row, CaseRow) or row.status in (status, "resolved"):
        return []
    rows.put(key, msgspec.structs.replace(row, status=status, last_seen=now), rows.due(key))
    common = about(issued, derived_id(status, case, issued.event_id), now)
    if status == "resolved":
        return [Emit(PROBLEMS, case, ProblemResolved(**common, case=case, by=issued.by, why=issued.why))]
    return [Emit(ESCALATIONS, case, EscalationAcknowledged(**common, case=case, by=issued.by, why=issued.why))]


def _case_of(issued: CommandIssued, rows: Rows) -> str | None:
    if rows.get(row_key("case", issued.tenant, issued.target)) is not None:
        return issued.target
    seen = rows.get(row_key("seen", issued.tenant, issued.target))
    return seen.case if isinstance(seen, SeenRow) else None


def _keep(issued: CommandIssued) -> KeptCommand:
    return KeptCommand(
        issued.event_id,
        issued.tenant,
        issued.kind.value,
        issued.target,
        issued.by,
        issued.why,
        issued.occurred_at,
        issued.recorded_at,
        issued.traceparent,
    )


def _issued(kept: KeptCommand) -> CommandIssued:
    return CommandIssued(
        event_id=kept.event_id,
        tenant=kept.tenant,
        kind=CommandKind(kept.kind),
        target=kept.target,
        by=kept.by,
        why=kept.why,
        occurred_at=kept.occurred_at,
        recorded_at=kept.recorded_at,
        traceparent=kept.traceparent,
    )


def _dead(issued: CommandIssued, reason: str, detail: str, *, keep: bool) -> DeadLetter:
    """`keep`: the command is the record being folded, so its own bytes are the dead letter."""
    return DeadLetter(
        stage="decide",
        reason=reason,
        detail=detail,
        topic=INBOX,
        key=issued.tenant,
        event=None if keep else issued,
    )
