"""What becomes of everything in `inbox`. STAGES is what happens to a problem report, read from top to bottom.

Every report ends in exactly one of three ways, and each is an event on `problems`: suppressed (ProblemSuppressed with a
reason), unrouted (ProblemOpened or ProblemRepeated without endpoints, and ProblemUnrouted: the default endpoint is
told) or routed (ProblemOpened or ProblemRepeated with endpoints).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    Event,
    ProblemOpened,
    ProblemReported,
    ProblemSuppressed,
    ProblemUnrouted,
    Tick,
)
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules import promotion, reminders, state
from tocsin.streams.rules.cases import count_suppressed, open_or_repeat
from tocsin.streams.rules.commands import apply_kept, apply_kept_choice, apply_kept_to, command, kept_due
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.activity import observe
from tocsin.streams.rules.context.sides import note_side
from tocsin.streams.rules.decision import PROBLEMS, Decision
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.digest import digest_due
from tocsin.streams.rules.escalation.raising import escalate, follow
from tocsin.streams.rules.escalation.recovering import recovered_by
from tocsin.streams.rules.escalation.stepping import escalation_due, still_named
from tocsin.streams.rules.notify import notify_of_problem
from tocsin.streams.rules.peers.learning import learn
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages import (
    audience,
    claimed_limit,
    connection_budget,
    context,
    exchange,
    group,
    hops,
    identical,
    inhibit,
    mute,
    ping_pong,
    replay,
    retrying,
    route,
    same_event,
    silence,
    tenant_limit,
    thread_budget,
    version_warnings,
    withhold,
)
from tocsin.streams.rules.state.keys import scope_of
from tocsin.streams.rules.timeouts.expectations import close_by_problem, expectation_due, observe_message
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict

Judge = Callable[[Turn, Report], Verdict | None]
After = Callable[[Turn, Report, Outcome], None]


class Stage(Struct, frozen=True):
    """One step of every report: `judge` may give a verdict, `after` remembers the outcome, `after_limit` only that of a
    limit notice, which is told in place of a report. A notice passes the stages after the one that asks for it, but not
    those that are `of_reports_only`."""

    judge: Judge
    after: After | None = None
    after_limit: After | None = None
    of_reports_only: bool = False


STAGES: tuple[Stage, ...] = (
    # Did it come before?
    Stage(same_event.judge, same_event.after),
    # Is it to be ignored, as if it had not come?
    Stage(version_warnings.judge),
    # What was going on?
    Stage(context.judge),
    Stage(close_by_problem),
    # What does it say of the peer that wrote it?
    Stage(learn),
    # Is it being mended?
    Stage(retrying.judge, retrying.after, of_reports_only=True),
    # Does it go round in circles?
    Stage(hops.judge, of_reports_only=True),
    Stage(replay.judge, replay.after, of_reports_only=True),
    Stage(thread_budget.judge, after_limit=thread_budget.after_limit, of_reports_only=True),
    Stage(connection_budget.judge, after_limit=connection_budget.after_limit, of_reports_only=True),
    Stage(ping_pong.judge, after_limit=ping_pong.after_limit, of_reports_only=True),
    Stage(exchange.judge, after_limit=exchange.after_limit, of_reports_only=True),
    Stage(identical.judge, identical.after, of_reports_only=True),
    # Does somebody whom nothing proves say too much?
    Stage(claimed_limit.judge, after_limit=claimed_limit.after_limit, of_reports_only=True),
    # Has its tenant too much already?
    Stage(tenant_limit.judge, after_limit=tenant_limit.after_limit, of_reports_only=True),
    # Does anybody want to know now?
    Stage(audience.note_limit_of_peer),
    Stage(route.judge, reminders.after),
    Stage(silence.judge),
    Stage(inhibit.judge, inhibit.after),
    Stage(mute.judge),
    Stage(group.judge, group.after),
    # Who may be told?
    Stage(audience.judge),
    Stage(withhold.judge),
)
"""What happens to a problem report, in this order, until a stage suppresses it; then every `after`, in this order."""

_JUDGES = tuple([stage.judge for stage in STAGES])
_OF_LIMIT = {
    stage.judge: tuple([later.judge for later in STAGES[place:] if not later.of_reports_only])
    for place, stage in enumerate(STAGES, 1)
}
"""Stage that asks for a limit notice -> those that the notice passes."""

_AFTER = tuple([stage.after for stage in STAGES if stage.after is not None])
_AFTER_LIMIT = tuple([after for stage in STAGES if (after := stage.after or stage.after_limit) is not None])

TIMERS: Mapping[type, Callable[[Turn, str, Any], None]] = {
    state.DigestRow: digest_due,
    state.EscalationRow: escalation_due,
    state.ExpectationRow: expectation_due,
    state.KeptCommand: kept_due,
    state.ReminderRow: reminders.reminder_due,
    state.TriesRow: retrying.tries_due,
}
"""Row -> what its timer does. The timer of any other row is the time to forget it, if it was not used meanwhile."""


def decide(event: Event, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The decisions about one event of `inbox`; changes `rows`. `now` is its append time in microseconds."""
    return decide_event(Turn(rows, now, config, event.tenant), event)


def decide_event(turn: Turn, event: Event) -> list[Decision]:
    """The decisions about one event of `inbox`, in a turn that begins with it."""
    match event:
        case ProblemReported():
            decide_report(turn, Report(event))
        case ActivityObserved():
            # The expectation first: it looks at the thread as it was before this message.
            observe_message(turn, event)
            apply_kept_choice(turn, event)
            apply_kept_to(turn, turn.decisions)
            connection_budget.reset_by(turn, event)
            retrying.note_progress(turn, event)
            note_side(turn, event)
            recovered_by(turn, event, observe(turn, event))
        case CommandIssued():
            command(turn, event)
            apply_kept_to(turn, turn.decisions)
        case Tick():
            pass
        case _:
            turn.dead_letter("wrong_topic", f"{type(event).__name__} does not belong on inbox")
    return turn.decisions


def decide_report(turn: Turn, report: Report) -> None:
    """Take a report through the stages, tell or suppress it, and remember what became of it."""
    verdict = _judge(turn, report)
    if verdict is not None and verdict.decided_before:
        same_event.repeated(turn, report, verdict)
        return
    outcome = _tell(turn, report) if verdict is None else _suppress(turn, report, verdict)
    for after in _AFTER if report.limit is None else _AFTER_LIMIT:
        after(turn, report, outcome)
    apply_kept(turn, report.event, report.case)


def _judge(turn: Turn, report: Report, judges: tuple[Judge, ...] = _JUDGES) -> Verdict | None:
    for judge in judges:
        verdict = judge(turn, report)
        if verdict is None:
            continue
        if verdict.instead is None:
            return verdict
        # Told in place of the report, under its id: the sums balance, and the report itself stays in the inbox.
        count_suppressed(turn, report)
        report.tell_instead(verdict)
        return _judge(turn, report, _OF_LIMIT[judge])
    return None


def _suppress(turn: Turn, report: Report, verdict: Verdict) -> Outcome:
    """Nobody is told; the case counts it all the same."""
    count_suppressed(turn, report)
    suppressed = ProblemSuppressed(
        **about(report.event, derived_id("suppressed", report.event.event_id), turn.now),
        case=report.case,
        report=report.event.event_id,
        reason=str(verdict.reason),
        survivor=verdict.represented_by,
        detail=verdict.detail or None,
    )
    turn.emit(PROBLEMS, report.case, suppressed)
    if verdict.reason in (Reason.IDENTICAL, Reason.GROUPED):
        follow(turn, report)
    return Outcome(verdict.represented_by or suppressed.event_id, verdict)


def _tell(turn: Turn, report: Report) -> Outcome:
    notice = open_or_repeat(turn, report)
    turn.emit(PROBLEMS, report.case, notice)
    if not report.matched:
        unrouted = ProblemUnrouted(
            **about(report.event, derived_id("unrouted", report.event.event_id), turn.now),
            case=report.case,
            report=report.event.event_id,
            endpoint=report.endpoints[0],
        )
        turn.emit(PROBLEMS, report.case, unrouted)
    promotion.promote(turn, report)
    notify_of_problem(turn, report, notice)
    escalate(turn, report, notice, report.policies, opens=isinstance(notice, ProblemOpened))
    return Outcome(notice.event_id)


def fire(key: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The timer of row `key` is due by `now`: do what the row is for; prolong one that was used meanwhile, delete any
    other."""
    return fire_timer(Turn(rows, now, config, scope_of(key)), now, config, key)


def fire_timer(turn: Turn, now: int, config: DecideConfig, key: str) -> list[Decision]:
    """The same, in a turn that begins with it."""
    rows, scope = turn.rows, scope_of(key)
    row = rows.get(key)
    turn.begin(now, config, getattr(row, "tenant", scope), scope)
    handler = TIMERS.get(type(row))
    if handler is not None:
        handler(turn, key, row)
        apply_kept_to(turn, turn.decisions)
        return turn.decisions
    until = _used_until(turn, key, row)
    if until is not None and until > now:
        rows.put(key, row, until)
    else:
        rows.delete(key)
    return turn.decisions


def _used_until(turn: Turn, key: str, row: object) -> int | None:
    """How long a row without a handler is remembered: these are not given a later timer at each use, which would grow
    the heap of timers with traffic. None: no longer."""
    match row:
        case state.SeenRow() if still_named(turn, key, row):
            return turn.now + turn.config.kept_ttl
        case state.CaseRow():
            return reminders.reminded_until(turn, key) or row.last_seen + turn.config.case_ttl
        case state.ErrorsRow():
            return row.last_seen + turn.limits.ping_pong_window
        case state.InhibitRow() | state.PeerRow():
            return row.until
        case (
            state.ThreadRow()
            | state.ReferenceRow()
            | state.ConnectionRow()
            | state.ReaderRow()
            | state.ThreadErrorsRow()
            | state.ConnectionErrorsRow()
        ):
            return row.last_seen + turn.config.thread_ttl
    return None
