"""What a person or a program wants done with a case. A command that comes too early is kept (DESIGN 5)."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    CommandKind,
    ProblemReported,
    ProblemsDigested,
    TimeoutNoticed,
)
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import MAX_TEXT
from tocsin.streams.rules.decision import INBOX, DeadLetter, Decision, Emit
from tocsin.streams.rules.escalation.answering import acknowledge, resolve, snooze
from tocsin.streams.rules.state import CaseRow, KeptCommand, SeenRow, row_key
from tocsin.streams.rules.timeouts.expecting import choose

CASE_COMMANDS = 8
"""How many of the last commands on a case are remembered, so that one that is sent again is not obeyed again."""

MAX_WHY = 1024
"""Characters of a reason that a kept command remembers."""

_ON_CASES = {CommandKind.ACKNOWLEDGE: acknowledge, CommandKind.RESOLVE: resolve, CommandKind.SNOOZE: snooze}


def command(issued: CommandIssued, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """Carry out a command on the case `issued.target`, or on the case of that event id while it is remembered; a
    choice goes to the time-out that it is about.

    Kept for `config.kept_ttl` when there is no such case yet; a later command on the same target takes the place of a
    kept one, unless that resolves. What cannot be carried out ever, and what gives way, is dead-lettered. Nothing is
    said of a command that was obeyed before, or that asks for what is so already.
    """
    if issued.kind is CommandKind.UNKNOWN:
        return [_dead(issued, "command_not_supported", "a command of a newer kind", keep=True)]
    if issued.kind is CommandKind.SNOOZE and (issued.until is None or issued.until <= now):
        detail = "it says no time" if issued.until is None else "its time was over when it came"
        return [_dead(issued, "command_not_valid", f"a snooze needs a time to come: {detail}", keep=True)]
    done = _carry_out(issued, rows, now, config)
    return _wait(issued, rows, now, config) if done is None else done


def apply_kept(report: ProblemReported, case: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """Carry out the commands that were waiting for this report or its case. While nobody is told of the report, what
    waited for it waits for its case."""
    decisions = _apply((report.event_id, case), report.tenant, rows, now, config)
    key = row_key("kept", report.tenant, report.event_id)
    kept = rows.get(key)
    if isinstance(kept, KeptCommand):
        case_key = row_key("kept", report.tenant, case)
        if rows.get(case_key) is None:
            rows.put(case_key, kept, rows.due(key))
            rows.delete(key)
    return decisions


def apply_kept_to(said: list[Decision], rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """Carry out the commands that were waiting for what was said without a report: digests, and the cases that they
    opened, and time-outs."""
    decisions: list[Decision] = []
    for one in said:
        event = one.event if isinstance(one, Emit) else None
        if isinstance(event, ProblemsDigested):
            named = [name for listed in event.cases for name in (listed.case, listed.last_report)]
            decisions += _apply([event.event_id, *named], event.tenant, rows, now, config)
        elif isinstance(event, TimeoutNoticed):
            decisions += _apply([event.event_id, event.case or ""], event.tenant, rows, now, config)
    return decisions


def apply_kept_choice(activity: ActivityObserved, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """Carry out the choices that were waiting for this message or its thread."""
    targets = [target for target in (activity.thread_id, activity.message_id) if target]
    return _apply(targets, activity.tenant, rows, now, config)


def kept_due(key: str, kept: KeptCommand, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The end of waiting: what the command is about may have come without a word to it, else it never came."""
    rows.delete(key)
    done = _carry_out_kept(kept, rows, now, config)
    if done is not None:
        return done
    return [_dead(_issued(kept), "command_without_case", f"nothing known as {kept.target} has come", keep=False)]


def _apply(
    targets: tuple[str, ...] | list[str], tenant: str, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    decisions: list[Decision] = []
    for target in targets:
        key = row_key("kept", tenant, target)
        kept = rows.get(key)
        if isinstance(kept, KeptCommand):
            done = _carry_out_kept(kept, rows, now, config)
            if done is not None:
                rows.delete(key)
                decisions += done
    return decisions


def _carry_out_kept(kept: KeptCommand, rows: Rows, now: int, config: DecideConfig) -> list[Decision] | None:
    issued = _issued(kept)
    done = _carry_out(issued, rows, now, config)
    if done is not None and issued.kind is CommandKind.SNOOZE and (issued.until or 0) <= now:
        return [_dead(issued, "command_too_late", "the snooze was over when its case came", keep=False)]
    return done


def _wait(issued: CommandIssued, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """Keep a command for what it is about: a choice under its target, any other under its case if that is known."""
    if len(issued.target) > MAX_TEXT:
        return [_dead(issued, "command_not_valid", f"its target has more than {MAX_TEXT} characters", keep=True)]
    target = issued.target if issued.kind is CommandKind.CHOOSE else _case_of(issued, rows)
    key = row_key("kept", issued.tenant, target)
    kept = rows.get(key)
    earlier = kept if isinstance(kept, KeptCommand) and kept.event_id != issued.event_id else None
    if earlier is not None and earlier.kind == CommandKind.RESOLVE:
        return [_dead(issued, "command_overtaken", "one that resolves is waiting already", keep=True)]
    rows.put(key, _keep(issued), now + config.kept_ttl)
    if earlier is None:
        return []
    return [_dead(_issued(earlier), "command_overtaken", f"{issued.event_id} takes its place", keep=False)]


def _carry_out(issued: CommandIssued, rows: Rows, now: int, config: DecideConfig) -> list[Decision] | None:
    """None when what the command is about is not known (yet)."""
    if issued.kind is CommandKind.CHOOSE:
        return choose(issued, rows, now, config)
    case = _case_of(issued, rows)
    key = row_key("case", issued.tenant, case)
    row = rows.get(key)
    if not isinstance(row, CaseRow):
        return None
    if issued.event_id in row.commands:
        return []
    row = msgspec.structs.replace(row, commands=(*row.commands, issued.event_id)[-CASE_COMMANDS:])
    rows.put(key, row, rows.due(key) or now + config.case_ttl)
    return _ON_CASES[issued.kind](issued, case, row, rows, now, config)


def _case_of(issued: CommandIssued, rows: Rows) -> str:
    """The case of the event id that is named, or that name as the case's own."""
    seen = rows.get(row_key("seen", issued.tenant, issued.target))
    return seen.case if isinstance(seen, SeenRow) else issued.target


def _keep(issued: CommandIssued) -> KeptCommand:
    return KeptCommand(
        issued.event_id,
        issued.tenant,
        issued.kind.value,
        issued.target,
        issued.by[:MAX_TEXT],
        issued.why and issued.why[:MAX_WHY],
        issued.occurred_at,
        issued.recorded_at,
        issued.traceparent,
        issued.until,
        issued.choice,
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
        until=kept.until,
        choice=kept.choice,
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
