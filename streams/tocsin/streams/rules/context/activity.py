"""Activity: messages, records, jobs and connections are no problems, but explain them.

Activity that comes after its problem completes the problem's case, whose id never changes.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.codes import parse_code
from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemExplained
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Severity
from tocsin.streams.rules.context.interaction import (
    DIRECTIONS,
    ProblemEffect,
    advance,
    answered,
    apply_problem,
)
from tocsin.streams.rules.context.parties import parties_in
from tocsin.streams.rules.context.record_states import is_later
from tocsin.streams.rules.context.references import (
    RETRY_OF,
    Reference,
    Waited,
    changes_record,
    point,
    references_of,
    thread_of,
    waited_for_thread,
)
from tocsin.streams.rules.context.threads import (
    Stated,
    clip,
    context_from,
    keep_thread,
    known_thread,
    linkable,
    with_code,
    with_waiting,
)
from tocsin.streams.rules.decision import PROBLEMS
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.state import CaseRow, ConnectionRow, ThreadRow
from tocsin.streams.rules.trust import is_apart, unmarked
from tocsin.streams.rules.turn import Turn


class Noted(Struct, frozen=True):
    """What an activity made of the row of its thread, and whether its record came into another state."""

    thread_id: str
    before: ThreadRow
    after: ThreadRow
    changes_record: bool


def observe(turn: Turn, activity: ActivityObserved) -> Noted | None:
    """Note activity on the rows of its thread, its ids and its connection; explain the problems that waited for it.
    Returns what it made of its thread, None when it is in none."""
    now = turn.now
    _note_connection(turn, activity)
    named = references_of(turn, activity)
    thread_id = thread_of(turn, activity, named)
    if thread_id is None:
        _observe_record(turn, activity, named)
        return None
    key = turn.threads.key(thread_id)
    before = turn.threads.get(key) or ThreadRow(clip(thread_id) or "", None, now, now)
    row = _noted(before, activity, thread_id, now)
    row = _after_message(turn, row, before, activity)
    changes = changes_record(turn, activity, before)
    waited = point(turn, activity, named, thread_id)
    if row.activity:
        if not before.activity:
            waited = [Waited("thread", before.waiting), *waited_for_thread(turn, thread_id), *waited]
            row = msgspec.structs.replace(row, waiting=())
        row = _explain(turn, activity, waited, row, thread_id)
    else:
        row = _still_waiting(row, waited)
    turn.threads.keep(key, row, now + turn.config.thread_ttl)
    return Noted(thread_id, before, row, changes)


def _note_connection(turn: Turn, activity: ActivityObserved) -> None:
    """Remember what an activity says of its connection. One that is in use is not forgotten, and not written anew at
    each message either."""
    if not activity.connection:
        return
    now, ttl = turn.now, turn.config.thread_ttl
    key = turn.connections.key(activity.connection)
    known = turn.connections.get(key)
    trust = clip(activity.trust)
    theirs, own = parties_in(activity)
    opened = activity.kind is ActivityKind.CONNECTION_OPENED
    told = trust is not None or opened or _names_others(known, theirs, own)
    if not told and (known is None or now - known.last_seen < ttl // 8):
        return
    known = known or ConnectionRow(now)
    row = msgspec.structs.replace(
        known,
        last_seen=now,
        trust=trust or known.trust,
        opened_at=activity.occurred_at if opened and known.opened_at is None else known.opened_at,
        theirs=theirs or known.theirs,
        own=own or known.own,
        reported=known.reported and theirs is None,
    )
    turn.connections.keep(key, row, now + ttl)


def _names_others(known: ConnectionRow | None, theirs: str | None, own: str | None) -> bool:
    """Whether these sides of a connection are others than are known."""
    if known is None or known.reported:
        return theirs is not None or own is not None
    return theirs not in (None, known.theirs) or own not in (None, known.own)


def _with_record(row: ThreadRow, activity: ActivityObserved) -> ThreadRow:
    """The row with the record of an activity, unless a later one is known."""
    if not activity.record_id or not is_later(
        activity.occurred_at, clip(activity.record_state), row.record_at, row.record_state
    ):
        return row
    other = row.record_id != clip(activity.record_id)
    return msgspec.structs.replace(
        row,
        record_type=clip(activity.record_type) or (None if other else row.record_type),
        record_id=clip(activity.record_id),
        record_state=clip(activity.record_state) or (None if other else row.record_state),
        record_at=activity.occurred_at,
    )


def _noted(row: ThreadRow, activity: ActivityObserved, own: str, now: int) -> ThreadRow:
    """The row with what an activity says. The message of a report is no activity of its thread, but says where it came
    from, which the report may not."""
    parent = row.parent or linkable(activity.parent_thread_id, own)
    message_id, message_type = row.last_message_id, row.last_message_type
    retry_of, retry_sent = row.retry_of, row.retry_sent
    if activity.kind in DIRECTIONS:
        if is_report(activity.message_type):
            return msgspec.structs.replace(
                row,
                parent=parent,
                last_seen=now,
                connection=row.connection or clip(activity.connection),
                job=row.job or clip(activity.job),
            )
        message_id, message_type = clip(activity.message_id), clip(activity.message_type) or message_type
        retry_of, retry_sent = clip(activity.detail.get(RETRY_OF)), activity.kind is ActivityKind.MESSAGE_SENT
    return msgspec.structs.replace(
        _with_record(row, activity),
        parent=parent,
        last_seen=now,
        last_message_id=message_id,
        last_message_type=message_type,
        activity=row.activity + 1,
        connection=clip(activity.connection) or row.connection,
        job=clip(activity.job) or row.job,
        retry_of=retry_of,
        retry_sent=retry_sent,
    )


def _after_message(turn: Turn, row: ThreadRow, before: ThreadRow, activity: ActivityObserved) -> ThreadRow:
    """The row after a message; the first one of a thread may answer the thread above, for example an invitation."""
    direction = DIRECTIONS.get(activity.kind)
    if direction is None or not activity.message_type or is_report(activity.message_type):
        return row
    if before.last_message_type is None and row.parent is not None:
        parent, above = known_thread(turn, row.parent)
        after = None if above is None else answered(above, activity.message_type, direction)
        if after is not None and after is not above:
            keep_thread(turn, parent, msgspec.structs.replace(after, last_seen=turn.now))
    return advance(row, activity.message_type, direction)


def _still_waiting(row: ThreadRow, waited: Iterable[Waited]) -> ThreadRow:
    """All that is known of this thread is reports: what waited for one of its ids waits for the thread from now on."""
    waiting = row.waiting
    for case, report in (pair for one in waited for pair in one.waiting):
        waiting = with_waiting(waiting, case, report)
    return msgspec.structs.replace(row, waiting=waiting)


def _observe_record(turn: Turn, activity: ActivityObserved, named: list[Reference]) -> None:
    """Activity in no known thread: what it says is remembered with its ids."""
    if not (activity.connection or activity.record_state or activity.job):
        return
    waited = point(turn, activity, named, None)
    if waited:
        _explain(turn, activity, waited, _noted(ThreadRow("", None, turn.now, turn.now), activity, "", turn.now), None)


def _explain(
    turn: Turn, activity: ActivityObserved, waited: Iterable[Waited], row: ThreadRow, thread_id: str | None
) -> ThreadRow:
    """Emit for each case that waited what is now known, and let its problem do to the interaction what it would have
    done in time; returns the thread's row afterwards. A problem of which nobody was notified has no case and is left
    alone."""
    for case, (report, by) in _first_of_each(waited).items():
        known = turn.cases.find(case)
        if known is None or not _still_waits(turn, known, case, by, thread_id):
            continue
        effect, after = _effect_of(activity, known, row)
        stated = Stated(
            thread_id=thread_id,
            found_by=by,
            state=row.state,
            effect=effect.effect if effect else None,
            state_after=effect.state if effect else None,
        )
        explained = ProblemExplained(
            **about(activity, derived_id("explained", report, activity.event_id), turn.now),
            case=case,
            report=report,
            thread=context_from(turn, row, row, stated),
        )
        turn.emit(PROBLEMS, case, explained)
        if not is_apart(known.lane):
            row = msgspec.structs.replace(after, codes=with_code(after.codes, known.code))
    return row


def _first_of_each(waited: Iterable[Waited]) -> dict[str, tuple[str, str]]:
    """Case -> (report, by): one activity may have several ids of one problem."""
    found: dict[str, tuple[str, str]] = {}
    for one in waited:
        for case, report in one.waiting:
            found.setdefault(unmarked(case), (report, one.by))
    return found


def _still_waits(turn: Turn, known: CaseRow, case: str, by: str, thread_id: str | None) -> bool:
    """Whether the case has not been explained before. Its own thread, if it has one, knows: there it waits too."""
    if known.thread is None or by == "thread":
        return True
    key = turn.threads.key(known.thread)
    own = None if known.thread == thread_id else turn.threads.get(key)
    if own is None or all(unmarked(waiting) != case for waiting, _ in own.waiting):
        return False
    others = tuple(pair for pair in own.waiting if unmarked(pair[0]) != case)
    turn.threads.replace(key, msgspec.structs.replace(own, waiting=others))
    return True


def _effect_of(activity: ActivityObserved, case: CaseRow, row: ThreadRow) -> tuple[ProblemEffect | None, ThreadRow]:
    """What the case's last problem does to the interaction: nothing when this activity happened after it, or
    it was only claimed."""
    if activity.occurred_at > case.last_seen or is_apart(case.lane):
        return None, row
    try:
        severity = Severity(case.severity)
    except ValueError:
        severity = Severity.UNKNOWN
    return apply_problem(row, severity, parse_code(case.code).scope, case.code)
