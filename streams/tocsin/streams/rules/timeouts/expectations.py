"""Expectations of replies, one for each thread: what opens and closes them, what happens when their time is
over."""

from __future__ import annotations

import msgspec

from tocsin.connectors.catalogue.categories import is_warning
from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityKind, ActivityObserved, CommandIssued, CommandKind, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Severity
from tocsin.streams.protocols import Effect
from tocsin.streams.rules.context.chains import is_reported
from tocsin.streams.rules.context.gaps import unheard
from tocsin.streams.rules.context.interaction import DIRECTIONS
from tocsin.streams.rules.context.references import RETRY_OF
from tocsin.streams.rules.context.threads import MAX_TEXT, clip
from tocsin.streams.rules.decision import BUS, INBOX
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.recovering import recover
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ExpectationRow
from tocsin.streams.rules.timeouts.choosing import Advice, advise, choice_of, kept_for
from tocsin.streams.rules.timeouts.correlation import (
    answered_by,
    expectation_key,
    expected_in,
    find_expectation,
    is_same_message,
    note_notice,
    note_retry,
)
from tocsin.streams.rules.timeouts.grace import grace_of
from tocsin.streams.rules.timeouts.learning import (
    Expected,
    expected_for,
    note_latency,
    note_reply_over,
    note_unanswered,
)
from tocsin.streams.rules.timeouts.noticing import case_of, notice
from tocsin.streams.rules.timeouts.replies import Reply, policy_for, reply_to
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import DAY, MINUTE

REMEMBERED = DAY
"""For how long an answered message is known again; what was recorded longer ago opens nothing."""

SLACK = MINUTE
"""By how much the clocks and queues of those who record may differ."""

HEARD = 8
"""How many of the messages last sent on a thread are known again by their events."""

_OVER = ("answered", "given_up")


def observe_message(turn: Turn, activity: ActivityObserved) -> None:
    """A message was sent or received: open or close the expectation of its thread, learn from the reply.

    Only of messages: record states and jobs close nothing. A problem report, whoever sent it, ends the wait as the
    problem itself does.
    """
    if activity.kind not in DIRECTIONS:
        return
    if is_report(activity.message_type):
        _close_by_message_of_report(turn, activity)
    elif activity.kind is ActivityKind.MESSAGE_RECEIVED:
        for key in answered_by(turn, activity):
            _reply_received(turn, activity, key)
    elif activity.message_type and (activity.thread_id or activity.message_id):
        _message_sent(turn, activity, activity.message_type[:MAX_TEXT], activity.thread_id or activity.message_id or "")


def close_by_problem(turn: Turn, report: Report) -> None:
    """A problem is an answer too, though nothing is learned from it: on the thread that it states, and on the one to
    which its ids led. Not one after which the thread goes on (a warning, or as its protocol says), our own included:
    the reply is still to come. What was given up stays so, or a reply after all would not end its case."""
    context, problem = report.context, report.problem
    if problem.severity is Severity.WARNING or context.effect == Effect.CONTINUES or is_claimed(problem):
        return
    threads = [problem.thread_id, context.thread_id]
    if context.found_by not in (None, "thread"):
        threads += context.parents[:1]
    for thread_id in filter(None, dict.fromkeys(threads)):
        for key in expected_in(turn, thread_id):
            row = turn.expectations.get(key)
            if row is not None and row.state not in _OVER:
                _close(turn, key, row, report.event.recorded_at)


def expectation_due(turn: Turn, key: str, row: ExpectationRow) -> None:
    """No reply so far: wait longer, advise a retry, or give up; but first the grace for what could not be heard."""
    policy = policy_of(turn, row.message_type)
    expected = None
    if policy is not None and row.state in ("waiting", "retrying"):
        expected = expected_for(turn, row, policy)
    if policy is None or expected is None:
        if row.state == "watching":
            note_unanswered(turn, row.message_type)
        turn.expectations.delete(key)
        return
    extra = grace_of(turn, row, turn.expectations.due(key))
    if extra > 0:
        granted = msgspec.structs.replace(row, granted=row.granted + extra)
        turn.expectations.put(key, granted, turn.now + max(min(extra, expected.after), 1))
        return
    origin = EventBase(
        event_id=row.opened_by,
        tenant=row.tenant,
        occurred_at=row.sent_at,
        recorded_at=row.sent_at,
        traceparent=row.traceparent,
    )
    carry_out(turn, key, advise(row, choice_of(row, policy), expected.after, policy, turn.now), origin, expected)


def _message_sent(turn: Turn, activity: ActivityObserved, message_type: str, thread_id: str) -> None:
    """Open the expectation of a thread when the message wants a reply; an older one of the thread is forgotten. A
    message of which nobody knows that is watched, but does not take the place of one that does want a reply."""
    policy = policy_of(turn, message_type)
    if policy is None or turn.now - activity.recorded_at > REMEMBERED:
        return
    key = expectation_key(turn, thread_id)
    retry_of = activity.detail.get(RETRY_OF)
    original = None if retry_of is None else find_expectation(turn, retry_of)
    if original is not None and original != key:
        _sent_again_elsewhere(turn, activity, original, thread_id, policy)
        return
    reply = reply_to(turn, activity, message_type, policy)
    older = turn.expectations.get(key)
    if reply is Reply.NONE or (older is not None and _is_old(activity, older)):
        return
    heard = _heard(older, activity)
    if older is not None and older.state == "watching":
        note_unanswered(turn, older.message_type)
    elif older is not None and older.state != "answered":
        if activity.detail.get(RETRY_OF) or message_type == older.message_type:
            again = msgspec.structs.replace(older, resent=True, heard=heard, heard_at=activity.recorded_at)
            _sent_again(turn, key, again, policy)
            return
        if reply is Reply.UNKNOWN and older.state != "given_up":
            return
    _open(turn, key, _row(activity, message_type, thread_id, heard, turn.now), reply, policy)


def _row(
    activity: ActivityObserved, message_type: str, thread_id: str, heard: tuple[str, ...], now: int
) -> ExpectationRow:
    return ExpectationRow(
        tenant=activity.tenant,
        thread_id=thread_id[:MAX_TEXT],
        message_id=clip(activity.message_id),
        message_type=message_type,
        sent_at=now,
        opened_by=activity.event_id,
        connection=clip(activity.connection),
        traceparent=activity.traceparent,
        heard=heard,
        heard_at=activity.recorded_at,
    )


def _open(turn: Turn, key: str, row: ExpectationRow, reply: Reply, policy: TimeoutPolicy) -> None:
    """From now on the reply is awaited, for as long as it usually takes; or the message is only watched."""
    expected = expected_for(turn, row, policy) if reply is Reply.AWAITED else None
    if expected is None:
        turn.expectations.put(key, row, turn.now + kept_for(policy))
    else:
        waiting = msgspec.structs.replace(row, state="waiting")
        turn.expectations.put(key, waiting, turn.now + max(expected.after, 1))


def _sent_again(turn: Turn, key: str, row: ExpectationRow, policy: TimeoutPolicy) -> None:
    """The message was sent again, as advised or by itself: the time-out begins anew, though not for ever. What was
    given up stays so: a sender that never stops is noticed once."""
    if row.state == "given_up":
        turn.expectations.replace(key, row)
        return
    attempt = row.attempt if row.state == "retrying" else row.attempt + 1
    again = msgspec.structs.replace(row, attempt=attempt, state="waiting")
    expected = expected_for(turn, row, policy)
    if expected is not None and attempt <= policy.retries + 1:
        turn.expectations.put(key, again, turn.now + max(expected.after, 1))
    else:
        turn.expectations.replace(key, again)


def _sent_again_elsewhere(
    turn: Turn, activity: ActivityObserved, key: str, thread_id: str, policy: TimeoutPolicy
) -> None:
    """The message was sent again in another thread: it belongs to its original, and what comes there is an answer to
    that one."""
    row = turn.expectations.get(key)
    if row is None or _is_old(activity, row):
        return
    note_retry(turn, thread_id, row)
    again = msgspec.structs.replace(row, resent=True, heard=_heard(row, activity), heard_at=activity.recorded_at)
    if row.state in ("answered", "watching"):
        turn.expectations.replace(key, again)
    else:
        _sent_again(turn, key, again, policy)


def _heard(row: ExpectationRow | None, activity: ActivityObserved) -> tuple[str, ...]:
    return (*(row.heard if row is not None else ()), activity.event_id)[-HEARD:]


def _close_by_message_of_report(turn: Turn, activity: ActivityObserved) -> None:
    """Close what a problem report ends: nothing is learned from it, and what was given up stays so. Not again when its
    problem came before, which decided that, nor by a warning, as far as the activity says its code."""
    if is_reported(turn, activity.message_id):
        return
    if is_warning(activity.detail.get("code", "")):
        return
    if activity.kind is ActivityKind.MESSAGE_RECEIVED and activity.connection is not None:
        note_reply_over(turn, activity.connection[:MAX_TEXT])
    for key in answered_by(turn, activity):
        row = turn.expectations.get(key)
        if row is not None and row.state not in _OVER and not _is_old(activity, row):
            _close(turn, key, row, activity.recorded_at)


def _reply_received(turn: Turn, activity: ActivityObserved, key: str) -> None:
    """Close an expectation and learn how long the reply took.

    Nothing is learned when the message had been sent again (which one is it a reply to?) or when part of the time could
    not be heard. A reply after giving up asks for the end of its case.
    """
    row = turn.expectations.get(key)
    if row is None or row.state == "answered" or is_same_message(activity, row) or _is_old(activity, row):
        return
    _close(turn, key, row, activity.recorded_at)
    connection = clip(activity.connection) or row.connection
    if connection is not None:
        note_reply_over(turn, connection)
    if not row.resent and not unheard(turn.rows, row.sent_at, turn.now):
        note_latency(turn, row.message_type, turn.now - row.sent_at)
    _resolve(turn, activity, row)
    if row.resent or row.state == "retrying":
        recover(turn, activity, [row.thread_id])


def _close(turn: Turn, key: str, row: ExpectationRow, recorded_at: int) -> None:
    answered = msgspec.structs.replace(row, state="answered", heard_at=max(row.heard_at, recorded_at))
    turn.expectations.put(key, answered, turn.now + REMEMBERED)


def _resolve(turn: Turn, activity: ActivityObserved, row: ExpectationRow) -> None:
    # By the same command as a person's, through the inbox: whatever ends with a case then ends here too.
    case = case_of(row)
    known = turn.cases.find(case)
    if known is None or known.status == "resolved":
        return
    over = CommandIssued(
        **about(activity, derived_id("reply_came", case, activity.event_id), turn.now),
        kind=CommandKind.RESOLVE,
        target=case,
        by=BUS,
        why="the reply came",
    )
    turn.emit(INBOX, row.tenant, over)


def carry_out(turn: Turn, key: str, advice: Advice, cause: EventBase, expected: Expected) -> None:
    """Do as the advice says with the expectation of row `key`, and tell of it."""
    # Never due at once, whatever the policy says: a timer that is left due would fire for ever.
    turn.expectations.put(key, advice.row, max(advice.due, turn.now + 1))
    if advice.choice == "give_up":
        note_unanswered(turn, advice.row.message_type)
    noticed = notice(turn, cause, advice, expected)
    note_notice(turn, noticed.event_id, advice.row)


def policy_of(turn: Turn, message_type: str) -> TimeoutPolicy | None:
    """The tenant's policy for messages of this type, or None."""
    return policy_for(turn.config.book.timeouts_of(turn.tenant), message_type)


def _is_old(activity: ActivityObserved, row: ExpectationRow) -> bool:
    """Whether this was heard before, or was recorded well before what was heard last: handed in twice, or late."""
    return activity.event_id in row.heard or activity.recorded_at < row.heard_at - SLACK
