"""What becomes of everything in `inbox`: enrich, dedupe, route, tell, escalate (DESIGN 6), in this order.

Every problem that is reported ends in exactly one of three ways, and each is an event on `problems`: suppressed
(ProblemSuppressed with a reason), unrouted (ProblemOpened or ProblemRepeated without endpoints, and ProblemUnrouted:
the default endpoint is told) or routed (ProblemOpened or ProblemRepeated with endpoints).
"""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    ConflictNoticed,
    Event,
    ProblemOpened,
    ProblemReported,
    ProblemSuppressed,
    ProblemUnrouted,
    Tick,
)
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.cases import case_of, note_suppressed, open_or_repeat, survivor_of
from tocsin.streams.rules.commands import apply_kept, apply_kept_choice, apply_kept_to, command, kept_due
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.activity import observe
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.decision import INBOX, PROBLEMS, DeadLetter, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.raising import escalate
from tocsin.streams.rules.escalation.stepping import escalation_due, still_named
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.digest import digest_due
from tocsin.streams.rules.loops.guard import Replaced, Silenced, guard, heard_other_message, note_decided, note_told
from tocsin.streams.rules.loops.same_event import CONFLICT, SAME_EVENT_ID, Conflict, New, Repeat, digest_of, judge
from tocsin.streams.rules.promotion import promote
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.routing.reminding import reminded_until, reminder_due
from tocsin.streams.rules.routing.route import Routing, note_routed, route_heard
from tocsin.streams.rules.state import (
    CaseRow,
    ConnectionErrorsRow,
    ConnectionRow,
    DigestRow,
    EscalationRow,
    ExpectationRow,
    InhibitRow,
    KeptCommand,
    PeerRow,
    ReferenceRow,
    ReminderRow,
    SeenRow,
    ThreadErrorsRow,
    ThreadRow,
    row_key,
)
from tocsin.streams.rules.telling import tell_problem
from tocsin.streams.rules.timeouts.expectations import close_by_problem, expectation_due, observe_message
from tocsin.streams.rules.turn import Turn


def decide(event: Event, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The decisions about one event of `inbox`; changes `rows`. `now` is its append time in microseconds."""
    match event:
        case ProblemReported():
            return _report(event, rows, now, config)
        case ActivityObserved():
            return _activity(event, rows, now, config)
        case CommandIssued():
            turn = Turn(rows, now, config, event.tenant)
            command(turn, event)
            apply_kept_to(turn, turn.decisions)
            return turn.decisions
        case Tick():
            return []
        case _:
            detail = f"{type(event).__name__} does not belong on inbox"
            return [DeadLetter(stage="decide", reason="wrong_topic", detail=detail, topic=INBOX, key=event.tenant)]


def _activity(activity: ActivityObserved, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    # The expectation first: it looks at the thread as it was before this message.
    turn = Turn(rows, now, config, activity.tenant)
    observe_message(turn, activity)
    apply_kept_choice(turn, activity)
    apply_kept_to(turn, turn.decisions)
    heard_other_message(turn, activity)
    observe(turn, activity)
    return turn.decisions


def _report(report: ProblemReported, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    key = row_key("seen", report.tenant, report.event_id)
    seen = rows.get(key)
    digest = digest_of(report)
    verdict = judge(seen if isinstance(seen, SeenRow) else None, digest, now, config.dedupe_window)
    if isinstance(verdict, New):
        survivor = survivor_of(report, rows)
        if survivor is None:
            return _accept(report, digest, rows, now, config)
        seen, verdict = SeenRow(digest, now, case_of(report), survivor), Repeat(survivor)
        rows.put(key, seen, now + config.dedupe_window)
    assert isinstance(seen, SeenRow)
    again = msgspec.structs.replace(seen, repeats=seen.repeats + 1)
    rows.put(key, again, rows.due(key))
    return _again(report, verdict, again, digest, now)


def _again(report: ProblemReported, verdict: Repeat | Conflict, seen: SeenRow, digest: str, now: int) -> list[Decision]:
    # The count is part of the id because each further copy is a suppression of its own, or the sums would not balance.
    copy = f"{seen.at}.{seen.repeats}"
    suppressed = ProblemSuppressed(
        **about(report, derived_id("suppressed", report.event_id, copy), now),
        case=seen.case,
        report=report.event_id,
        reason=CONFLICT if isinstance(verdict, Conflict) else SAME_EVENT_ID,
        survivor=verdict.survivor,
    )
    decisions: list[Decision] = [Emit(PROBLEMS, seen.case, suppressed)]
    if isinstance(verdict, Conflict):
        conflict = ConflictNoticed(
            **about(report, derived_id("conflict", report.event_id, copy), now),
            case=seen.case,
            report=report.event_id,
            first_digest=verdict.first_digest,
            second_digest=digest,
        )
        decisions.insert(0, Emit(PROBLEMS, seen.case, conflict))
    return decisions


def _accept(report: ProblemReported, digest: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    case = case_of(report)
    turn = Turn(rows, now, config, report.tenant)
    context = enrich(turn, report, case)
    heard = reported = Heard(report=report, case=case, context=context, now=now)
    remembered = config.dedupe_window
    close_by_problem(turn, Report(report, case, context))
    verdict = guard(heard, rows, config)
    if isinstance(verdict, Replaced):
        # Told in place of the report, under its id: the sums balance, and the report itself stays in the inbox.
        note_suppressed(heard, rows, config.case_ttl)
        instead = msgspec.structs.replace(report, problem=verdict.problem)
        heard = msgspec.structs.replace(heard, report=instead, case=case_of(instead))
    if isinstance(verdict, Silenced):
        survivor, decisions = _suppress(heard, verdict, rows, config)
    else:
        routing = route_heard(heard, rows, config, at_once=isinstance(verdict, Replaced))
        if routing.withheld is None:
            survivor, decisions = _tell(heard, routing, rows, config)
            note_told(reported, verdict, survivor, routing.endpoints, rows, config)
            # Those who were told may answer by the report's id (rules.commands).
            remembered = max(remembered, config.kept_ttl)
        else:
            silenced = Silenced(routing.withheld.reason, routing.withheld.detail, routing.withheld.survivor)
            survivor, decisions = _suppress(heard, silenced, rows, config)
            if isinstance(verdict, Replaced):
                # Nobody wants to hear it, but said it is: else each further report would be one more last word.
                note_told(reported, verdict, survivor, (), rows, config)
    note_decided(reported, survivor, rows, config)
    seen = SeenRow(digest, now, heard.case, survivor)
    rows.put(row_key("seen", report.tenant, report.event_id), seen, now + remembered)
    turn = Turn(rows, now, config, report.tenant)
    apply_kept(turn, report, heard.case)
    return decisions + turn.decisions


def _suppress(heard: Heard, silenced: Silenced, rows: Rows, config: DecideConfig) -> tuple[str, list[Decision]]:
    """Nobody is told; the case counts it all the same. Returns the event that stands for it, and what is said."""
    note_suppressed(heard, rows, config.case_ttl)
    suppressed = ProblemSuppressed(
        **about(heard.report, derived_id("suppressed", heard.report.event_id), heard.now),
        case=heard.case,
        report=heard.report.event_id,
        reason=silenced.reason,
        survivor=silenced.survivor,
        detail=silenced.detail or None,
    )
    return silenced.survivor or suppressed.event_id, [Emit(PROBLEMS, heard.case, suppressed)]


def _tell(heard: Heard, routing: Routing, rows: Rows, config: DecideConfig) -> tuple[str, list[Decision]]:
    notice = open_or_repeat(heard, routing, rows, config.case_ttl)
    decisions: list[Decision] = [Emit(PROBLEMS, notice.case, notice)]
    if routing.unrouted:
        unrouted = ProblemUnrouted(
            **about(heard.report, derived_id("unrouted", heard.report.event_id), heard.now),
            case=notice.case,
            report=heard.report.event_id,
            endpoint=routing.endpoints[0],
        )
        decisions.append(Emit(PROBLEMS, notice.case, unrouted))
    decisions += promote(heard, rows, config)
    decisions += tell_problem(heard, notice, routing.endpoints, config, routing.last_word)
    note_routed(heard, routing, notice.event_id, rows, config)
    turn, report = Turn(rows, heard.now, config, heard.tenant), Report(heard.report, heard.case, heard.context)
    escalate(turn, report, notice, routing.policies, opens=isinstance(notice, ProblemOpened))
    return notice.event_id, decisions + turn.decisions


def fire(key: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The timer of row `key` is due by `now`: do what the row is for; prolong one that was used meanwhile, delete any
    other."""
    row = rows.get(key)
    turn = Turn.of_timer(key, row, rows, now, config)
    match row:
        case DigestRow():
            turn.decisions += digest_due(key, row, rows, now, config)
            apply_kept_to(turn, turn.decisions)
            return turn.decisions
        case ExpectationRow():
            expectation_due(turn, key, row)
            apply_kept_to(turn, turn.decisions)
            return turn.decisions
        case KeptCommand():
            kept_due(turn, key, row)
            return turn.decisions
        case EscalationRow():
            escalation_due(turn, key, row)
            return turn.decisions
        case ReminderRow():
            return reminder_due(key, row, rows, now, config)
        case SeenRow() if still_named(turn, key, row):
            rows.put(key, row, now + config.kept_ttl)
            return []
        case CaseRow() if (until := reminded_until(key, rows, now)) is not None:
            rows.put(key, row, until)
            return []
    last = _used_until(row, config)
    if last > now:
        rows.put(key, row, last)
        return []
    rows.delete(key)
    return []


def _used_until(row: object, config: DecideConfig) -> int:
    # These are not given a later timer at each use: that would grow the timer heap with traffic.
    if isinstance(row, ThreadRow | ReferenceRow | ConnectionRow | ThreadErrorsRow | ConnectionErrorsRow):
        return row.last_seen + config.thread_ttl
    if isinstance(row, CaseRow):
        return row.last_seen + config.case_ttl
    if isinstance(row, InhibitRow | PeerRow):
        return row.until
    return 0
