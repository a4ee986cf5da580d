"""Recovery: a case that pages people is over by itself when its thread completes after all, or a retry succeeds."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.connectors.dialects.codes import fold_code
from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityObserved, CommandIssued, CommandKind
from tocsin.schemas.ids import derived_id
from tocsin.streams.protocols import Direction
from tocsin.streams.rules.context.activity import Noted
from tocsin.streams.rules.context.interaction import DIRECTIONS, completes
from tocsin.streams.rules.context.threads import known_thread
from tocsin.streams.rules.decision import BUS, INBOX, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.limit_notice import MAX_ERRORS
from tocsin.streams.rules.report import case_id
from tocsin.streams.rules.turn import Turn

RECOVERED = "recovered"
"""Why the bus resolves such a case."""

COMPLETED = frozenset({"complete", "completed", "done"})
"""States of a record with which its thread completes, in whatever case."""


def recovered_by(turn: Turn, activity: ActivityObserved, noted: Noted | None) -> None:
    """An activity was noted on a thread: the cases of the thread are over if it completes with that, or if a message
    that was sent again is answered by it."""
    if noted is None:
        return
    before, after, direction = noted.before, noted.after, DIRECTIONS.get(activity.kind)
    if direction is None:
        if (activity.record_state or "").casefold() in COMPLETED and activity.record_state != before.record_state:
            recover(turn, activity, [noted.thread_id])
    elif is_report(activity.message_type):
        return
    elif before.retry_of is not None and before.retry_sent is not (direction is Direction.SENT):
        recover(turn, activity, [noted.thread_id, before.retry_of])
    elif completes(before, after, activity.message_type or "", direction):
        recover(turn, activity, [noted.thread_id])


def recover(turn: Turn, cause: ActivityObserved, threads: Iterable[str]) -> None:
    """Ask for the end of the cases of these threads (or of messages in them) that have an escalation which goes on: by
    the same command as a person's, so that whatever ends with a case ends here too."""
    asked = {one.event.event_id for one in turn.decisions if isinstance(one, Emit)}
    for named in threads:
        thread_id, row = known_thread(turn, named)
        for code in dict.fromkeys((*(row.codes if row is not None else ()), MAX_ERRORS)):
            case = case_id(turn.tenant, thread_id, fold_code(code))
            escalation = turn.escalations.find(case)
            event_id = derived_id("recovered", case, cause.event_id)
            if escalation is None or escalation.status == "ended" or event_id in asked:
                continue
            asked.add(event_id)
            over = CommandIssued(
                **about(cause, event_id, turn.now), kind=CommandKind.RESOLVE, target=case, by=BUS, why=RECOVERED
            )
            turn.emit(INBOX, cause.tenant, over)
