"""What a person or a program wants done with a case or a time-out: acknowledge, snooze, resolve, choose.

A command that comes before what it is about is kept until that comes. One about a case that is known, and of which
nobody was told or will be by a digest, is refused: kept, it would strike a later report, of which nobody heard either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    CommandKind,
    CommandOutcome,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationSnoozed,
    ProblemReported,
    ProblemResolved,
    ProblemsDigested,
    TimeoutNoticed,
)
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.answers import DONE, Answer, already, answered, done, refused
from tocsin.streams.rules.context.threads import MAX_TEXT, clip
from tocsin.streams.rules.decision import BUS, ESCALATIONS, PROBLEMS, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.notifying import notify_resolved
from tocsin.streams.rules.notification import timestamp
from tocsin.streams.rules.policies import EscalationPolicy
from tocsin.streams.rules.state import CaseRow, KeptCommand
from tocsin.streams.rules.timeouts.chosen import choose
from tocsin.streams.rules.turn import Turn

CASE_COMMANDS = 8
"""How many of the last commands on a case are remembered, so that one that is sent again is not obeyed again."""

MAX_WHY = 1024
"""Characters of a reason that a kept command remembers."""

_UNTOLD = "nobody was told of it, so there is nothing to {}; whoever wants to hear nothing of it silences it"
_VERBS = {CommandKind.ACKNOWLEDGE: "acknowledge", CommandKind.RESOLVE: "resolve", CommandKind.SNOOZE: "put off"}

SNOOZE_LIMIT = EscalationPolicy(name="", steps=()).snooze_limit
"""The longest snooze of a case without an escalation, microseconds."""


def command(turn: Turn, issued: CommandIssued) -> None:
    """Carry out a command on the case `issued.target`, or on the case of that event id while it is remembered; a
    choice goes to the time-out that it is about. Whatever becomes of it is answered.

    Kept for `config.kept_ttl` when there is no such case yet; a later command on the same target takes the place of a
    kept one, unless that resolves. What cannot be carried out ever, and what gives way, is dead-lettered. Nothing
    follows from a command that was obeyed before, or that asks for what is so already. A case of which nobody was told
    since a silence or the rules want it so is refused; a case beyond a limit is not remembered.
    """
    if issued.kind is CommandKind.UNKNOWN:
        _refuse(turn, "command_not_supported", "a command of a newer kind", issued, of_record=True)
    elif issued.kind is CommandKind.SNOOZE and (issued.until is None or issued.until <= turn.now):
        detail = "it says no time" if issued.until is None else "its time was over when it came"
        _refuse(turn, "command_not_valid", f"a snooze needs a time to come: {detail}", issued, of_record=True)
    elif not _carry_out(turn, issued):
        _wait(turn, issued)


def _refuse(turn: Turn, reason: str, detail: str, issued: CommandIssued, *, of_record: bool = False) -> None:
    """Give up on a command, which may be the record that is being decided."""
    turn.dead_letter(reason, detail, None if of_record else issued)
    turn.decisions.append(answered(issued, issued.target, refused(detail), turn.now))


def _carry_out(turn: Turn, issued: CommandIssued) -> bool:
    """Carry it out and answer it; False when what the command is about is not known (yet)."""
    case_id: str | None = None
    if issued.kind is CommandKind.CHOOSE:
        answer = choose(turn, issued)
    else:
        case_id = _case_of(turn, issued)
        answer = _on_case(turn, issued, case_id)
    if answer is not None:
        turn.decisions.append(answered(issued, issued.target, answer, turn.now, case_id))
    return answer is not None


def _on_case(turn: Turn, issued: CommandIssued, case_id: str) -> Answer | None:
    key = turn.cases.key(case_id)
    case = turn.cases.get(key)
    if case is None:
        return refused(_UNTOLD.format(_VERBS[issued.kind])) if _nobody_told(turn, case_id) else None
    if issued.event_id in case.commands:
        return already("this very command was carried out before")
    case = msgspec.structs.replace(case, commands=(*case.commands, issued.event_id)[-CASE_COMMANDS:])
    turn.cases.keep(key, case, turn.now + turn.config.case_ttl)
    return ON_CASES[issued.kind](turn, issued, case_id, case)


def _case_of(turn: Turn, issued: CommandIssued) -> str:
    """The case of the event id that is named, or that name as the case's own."""
    seen = turn.seen.find(issued.target)
    return issued.target if seen is None else seen.case


def _nobody_told(turn: Turn, case_id: str) -> bool:
    """Whether the case is known, and nobody was told of it."""
    seen = turn.seen.find(case_id)
    return seen is not None and seen.untold and turn.cases.find(case_id) is None


def _is_known(turn: Turn, issued: CommandIssued) -> bool:
    return issued.kind is not CommandKind.CHOOSE and turn.seen.find(issued.target) is not None


def _acknowledge(turn: Turn, issued: CommandIssued, case_id: str, case: CaseRow) -> Answer:
    """Somebody has taken the case: no further step. Who was first has it: nothing follows for who comes later, unless
    they say that they take it over from just that one (`choice`), so that no two believe that it is theirs."""
    standing, by = case.standing(turn.now), issued.by[:MAX_TEXT]
    held_by = case.by if standing == "acknowledged" else ""
    takes_over = bool(held_by) and issued.choice == held_by != by
    if standing == "resolved" or (standing == "acknowledged" and not takes_over):
        return already(f"the case is {standing} already" + (f", by {held_by}" if held_by else ""))
    _keep_case(turn, case_id, msgspec.structs.replace(case, status="acknowledged", until=None, by=by))
    key = turn.escalations.key(case_id)
    row = turn.escalations.get(key)
    if row is not None and row.status != "ended":
        taken = msgspec.structs.replace(row, status="acknowledged", until=None)
        turn.escalations.put(key, taken, max(turn.now + 1, case.last_seen + turn.config.case_ttl))
    common = about(issued, derived_id("acknowledged", case_id, issued.event_id), turn.now)
    turn.emit(ESCALATIONS, case_id, EscalationAcknowledged(**common, case=case_id, by=issued.by, why=issued.why))
    return done(f"taken over from {held_by}") if held_by else DONE


def _snooze(turn: Turn, issued: CommandIssued, case_id: str, case: CaseRow) -> Answer:
    """No further step before `issued.until` (not later than the policy's limit); then the escalation goes on, also
    one that was acknowledged before. Nothing follows for a resolved case, or when that time is over already."""
    key = turn.escalations.key(case_id)
    row = turn.escalations.get(key)
    policy = None if row is None else turn.config.book.escalations.get(row.policy)
    until = min(issued.until or 0, turn.now + (policy.snooze_limit if policy else SNOOZE_LIMIT))
    if until <= turn.now:
        return refused("its time was over when its case came")
    if case.status == "resolved":
        return refused("the case is resolved: there is nothing to put off")
    _keep_case(turn, case_id, msgspec.structs.replace(case, status="snoozed", until=until, by=issued.by[:MAX_TEXT]))
    if row is not None and row.status != "ended":
        turn.escalations.put(key, msgspec.structs.replace(row, status="snoozed", until=until), max(until, row.due))
    common = about(issued, derived_id("snoozed", case_id, issued.event_id), turn.now)
    snoozed = EscalationSnoozed(**common, case=case_id, by=issued.by, why=issued.why, until=until)
    turn.emit(ESCALATIONS, case_id, snoozed)
    limited = until < (issued.until or 0)
    return Answer(
        CommandOutcome.DONE, f"until {timestamp(until)}" + (", the longest the policy allows" if limited else "")
    )


def _resolve(turn: Turn, issued: CommandIssued, case_id: str, case: CaseRow) -> Answer:
    """The case is over: its escalation is cancelled, and everybody who was notified of the case learns it. Nothing
    follows if it is resolved already; nor when the bus itself asks for it, and the case was reported again since."""
    if case.status == "resolved":
        return already("the case is resolved already")
    if issued.by == BUS and case.last_seen > issued.occurred_at:
        return refused("the case was reported again since")
    case = msgspec.structs.replace(case, status="resolved", until=turn.now, by=issued.by[:MAX_TEXT])
    _keep_case(turn, case_id, case)
    common = about(issued, derived_id("resolved", case_id, issued.event_id), turn.now)
    resolved = ProblemResolved(**common, case=case_id, by=issued.by, why=issued.why)
    turn.emit(PROBLEMS, case_id, resolved)
    key = turn.escalations.key(case_id)
    row = turn.escalations.get(key)
    running = row if row is not None and row.status != "ended" else None
    if running is not None:
        common = about(issued, derived_id("escalation-cancelled", running.cause or case_id), turn.now)
        turn.emit(ESCALATIONS, case_id, EscalationCancelled(**common, case=case_id, reason="resolved"))
    turn.escalations.delete(key)
    notify_resolved(turn, resolved, running, case)
    return DONE


def _keep_case(turn: Turn, case_id: str, case: CaseRow) -> None:
    turn.cases.keep(turn.cases.key(case_id), case, turn.now + turn.config.case_ttl)


ON_CASES: Mapping[CommandKind, Callable[[Turn, CommandIssued, str, CaseRow], Answer]] = {
    CommandKind.ACKNOWLEDGE: _acknowledge,
    CommandKind.RESOLVE: _resolve,
    CommandKind.SNOOZE: _snooze,
}
"""What each kind of command does with its case: it is given the case's id and row."""


def apply_kept(turn: Turn, event: ProblemReported, case: str) -> None:
    """Carry out the commands that were waiting for this report or its case. While nobody is notified of the report,
    what waited for it waits for its case."""
    key, case_key = turn.kept.key(event.event_id), turn.kept.key(case)
    kept = _apply(turn, key)
    _apply(turn, case_key)
    if kept is not None and turn.kept.get(case_key) is None:
        turn.kept.put(case_key, kept, turn.kept.due(key))
        turn.kept.delete(key)


def apply_kept_to(turn: Turn, decisions: Iterable[Decision]) -> None:
    """Carry out the commands that were waiting for what was decided without a report: digests, and the cases that they
    opened, and time-outs."""
    for one in tuple(decisions):  # to which this adds, when they are the turn's own
        event = one.event if isinstance(one, Emit) else None
        if isinstance(event, ProblemsDigested):
            targets = [event.event_id, *[name for listed in event.cases for name in (listed.case, listed.last_report)]]
        elif isinstance(event, TimeoutNoticed):
            targets = [event.event_id, event.case or ""]
        else:
            continue
        for target in targets:
            _apply(turn, turn.kept.key(target))


def apply_kept_choice(turn: Turn, activity: ActivityObserved) -> None:
    """Carry out the choices that were waiting for this message or its thread."""
    for target in (activity.thread_id, activity.message_id):
        if target:
            _apply(turn, turn.kept.key(target))


def kept_due(turn: Turn, key: str, kept: KeptCommand) -> None:
    """The end of waiting: what the command is about may have come unnoticed, else it never came."""
    turn.kept.delete(key)
    if not _carry_out_kept(turn, kept):
        issued, detail = _issued(kept), f"nothing known as {kept.target} has come"
        turn.dead_letter("command_without_case", detail, issued)
        turn.decisions.append(answered(issued, issued.target, Answer(CommandOutcome.NOT_FOUND, detail), turn.now))


def _apply(turn: Turn, key: str) -> KeptCommand | None:
    """Carry out the command that is kept here, if there is one; returns it when it must wait on."""
    kept = turn.kept.get(key)
    if kept is not None and _carry_out_kept(turn, kept):
        turn.kept.delete(key)
        return None
    return kept


def _carry_out_kept(turn: Turn, kept: KeptCommand) -> bool:
    issued = _issued(kept)
    done = _carry_out(turn, issued)
    if done and issued.kind is not CommandKind.CHOOSE and _nobody_told(turn, _case_of(turn, issued)):
        turn.dead_letter("command_without_case", "its report came, and nobody was told of it", issued)
    elif done and issued.kind is CommandKind.SNOOZE and (issued.until or 0) <= turn.now:
        turn.dead_letter("command_too_late", "the snooze was over when its case came", issued)
    return done


def _wait(turn: Turn, issued: CommandIssued) -> None:
    """Keep a command for what it is about: a choice under its target, any other under its case if that is known."""
    if len(issued.target) > MAX_TEXT:
        detail = f"its target has more than {MAX_TEXT} characters"
        _refuse(turn, "command_not_valid", detail, issued, of_record=True)
        return
    key = turn.kept.key(issued.target if issued.kind is CommandKind.CHOOSE else _case_of(turn, issued))
    kept = turn.kept.get(key)
    earlier = kept if kept is not None and kept.event_id != issued.event_id else None
    if earlier is not None and earlier.kind == CommandKind.RESOLVE:
        _refuse(turn, "command_overtaken", "one that resolves is waiting already", issued, of_record=True)
        return
    until = turn.now + turn.config.kept_ttl
    turn.kept.put(key, _kept(issued), until)
    known = "nobody was told of it yet" if _is_known(turn, issued) else f"tenant {clip(issued.tenant)} knows no such id"
    detail = f"{known}; nothing is done, the command waits for it until {timestamp(until)}"
    turn.decisions.append(answered(issued, issued.target, Answer(CommandOutcome.KEPT, detail), turn.now))
    if earlier is not None:
        _refuse(turn, "command_overtaken", f"{issued.event_id} takes its place", _issued(earlier))


def _kept(issued: CommandIssued) -> KeptCommand:
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
    return CommandIssued(**msgspec.structs.asdict(kept) | {"kind": CommandKind(kept.kind)})
