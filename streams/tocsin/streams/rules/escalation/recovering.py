"""Recovery: a case that pages people is over by itself when its thread completes after all, or a retry succeeds."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.connectors.catalogue.limits import MAX_ERRORS
from tocsin.connectors.dialects.codes import fold_code
from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityObserved, CommandIssued, CommandKind
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import MAX_RETRIES
from tocsin.streams.protocols import Direction
from tocsin.streams.rules.context.activity import Noted
from tocsin.streams.rules.context.interaction import DIRECTIONS, completes
from tocsin.streams.rules.context.record_states import is_completed
from tocsin.streams.rules.context.threads import known_thread
from tocsin.streams.rules.decision import BUS, INBOX, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.report import case_id
from tocsin.streams.rules.turn import Turn

RECOVERED = "recovered"
"""Why the bus resolves such a case."""


def recovered_by(turn: Turn, activity: ActivityObserved, noted: Noted | None) -> None:
    """An activity was noted on a thread: the cases of the thread are over if it completes with that, or if a message
    that was sent again is answered by it."""
    if noted is None:
        return
    before, after, direction = noted.before, noted.after, DIRECTIONS.get(activity.kind)
    if direction is None:
        if noted.changes_record and is_completed(activity.record_state):
            recover(turn, activity, [noted.thread_id])
    elif is_report(activity.message_type):
        return
    elif before.retry_of is not None and before.retry_sent is not (direction is Direction.SENT):
        recover(turn, activity, [noted.thread_id, before.retry_of])
    elif completes(before, after, activity.message_type or "", direction):
        recover(turn, activity, [noted.thread_id])


def recover(turn: Turn, cause: ActivityObserved, threads: Iterable[str]) -> None:
    """Ask for the end of the cases of these threads (or of messages in them) that have an escalation which goes on, or
    say that something was given up which is done now: by the same command as a person's, so that whatever ends with a
    case ends here too."""
    asked = {one.event.event_id for one in turn.decisions if isinstance(one, Emit)}
    for named in threads:
        thread_id, row = known_thread(turn, named)
        for code in dict.fromkeys((*(row.codes if row is not None else ()), MAX_ERRORS)):
            case = case_id(turn.tenant, thread_id, fold_code(code))
            event_id = derived_id("recovered", case, cause.event_id)
            if event_id in asked or not (_pages(turn, case) or (code == MAX_RETRIES and _is_open(turn, case))):
                continue
            asked.add(event_id)
            over = CommandIssued(
                **about(cause, event_id, turn.now), kind=CommandKind.RESOLVE, target=case, by=BUS, why=RECOVERED
            )
            turn.emit(INBOX, cause.tenant, over)


def _pages(turn: Turn, case: str) -> bool:
    """Whether the case has an escalation that goes on."""
    escalation = turn.escalations.find(case)
    return escalation is not None and escalation.status != "ended"


def _is_open(turn: Turn, case: str) -> bool:
    """Whether somebody was told of the case, and it is not over."""
    row = turn.cases.find(case)
    return row is not None and row.status != "resolved"
