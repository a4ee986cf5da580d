"""Expectations of replies: what opens and closes them, what happens when their time is over, and what people choose."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import CHOICES, ActivityKind, ActivityObserved, CommandIssued, EventBase
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import thread_of_message
from tocsin.streams.rules.decision import INBOX, DeadLetter, Decision
from tocsin.streams.rules.state import ExpectationRow, ReferenceRow, row_key
from tocsin.streams.rules.timeouts.choosing import Advice, advise, choice_of
from tocsin.streams.rules.timeouts.closing import reply_came
from tocsin.streams.rules.timeouts.grace import grace_of, note_gap
from tocsin.streams.rules.timeouts.learning import MAX_TYPE, Expected, expected_for, note_unanswered
from tocsin.streams.rules.timeouts.noticing import notice
from tocsin.streams.rules.timeouts.opening import expectation_key, message_went_out
from tocsin.streams.rules.timeouts.replies import policy_for
from tocsin.streams.rules.turn import Turn


def observe_message(activity: ActivityObserved, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """A message was sent or received: open or close the expectation of its thread, learn from the reply.

    Only on a thread; record states and jobs close nothing.
    """
    if activity.thread_id is None:
        return []
    if activity.kind is ActivityKind.MESSAGE_SENT and activity.message_type:
        message_went_out(activity, activity.message_type[:MAX_TYPE], activity.thread_id, rows, now, config)
    elif activity.kind is ActivityKind.MESSAGE_RECEIVED:
        return reply_came(activity, activity.thread_id, rows, now, config)
    return []


def expectation_due(key: str, row: ExpectationRow, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """No reply so far: wait longer, advise a retry, or give up; but first the grace for what could not be heard."""
    policy = policy_for(config.book.timeouts_of(row.tenant), row.message_type)
    expected = None
    if policy is not None and row.state in ("waiting", "retrying"):
        expected = expected_for(rows, row.tenant, row.message_type, row.connection, policy)
    if policy is None or expected is None:
        if row.state == "watching":
            note_unanswered(rows, row.tenant, row.message_type, now)
        rows.delete(key)
        return []
    extra = grace_of(row, rows, now, rows.due(key))
    if extra > 0:
        granted = msgspec.structs.replace(row, granted=row.granted + extra)
        rows.put(key, granted, now + max(min(extra, expected.after), 1))
        return []
    advice = advise(row, choice_of(row, policy), expected.after, policy, now)
    return _carry_out(key, advice, _origin(row), expected, rows, now, config)


def choose(issued: CommandIssued, rows: Rows, now: int, config: DecideConfig) -> list[Decision] | None:
    """Carry out somebody's choice about a time-out; None when nothing is known of its target: the event id of a
    TimeoutNoticed, the id of the message that was sent, or its thread.

    `until` says how long to wait; a retry is due at once. What is chosen is noticed and told like the policy's own
    choice, and the policy goes on from there.
    """
    choice = next((known for known in CHOICES if known == issued.choice), None)
    if choice is None:
        detail = f"a choice is one of {', '.join(CHOICES)}"
        return [DeadLetter(stage="decide", reason="choice_unknown", detail=detail, topic=INBOX, key=issued.tenant)]
    key = _find(Turn(rows, now, config, issued.tenant), issued.target)
    row = None if key is None else rows.get(key)
    if key is None or not isinstance(row, ExpectationRow) or row.state == "answered":
        return None
    policy = policy_for(config.book.timeouts_of(row.tenant), row.message_type)
    if policy is None or (choice == "give_up" and row.state == "given_up"):
        return []
    known = expected_for(rows, row.tenant, row.message_type, row.connection, policy)
    expected = known or Expected(max(policy.floor, policy.unlearned or 0), False)
    chosen = msgspec.structs.replace(row, opened_by=issued.event_id)
    advice = advise(chosen, choice, expected.after, policy, now, at_once=True)
    if choice == "wait" and issued.until is not None:
        advice = msgspec.structs.replace(advice, due=min(max(issued.until, now + policy.floor), now + policy.ceiling))
    return _carry_out(key, advice, issued, expected, rows, now, config)


def heard_nothing(rows: Rows, since: int, until: int) -> None:
    """This partition heard nothing from `since` until `until` (microseconds) though it should have: every expectation
    that was open then gets that time as grace (DESIGN 5, Time)."""
    note_gap(rows, since, until)


def _carry_out(
    key: str, advice: Advice, cause: EventBase, expected: Expected, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    # Never due at once, whatever the policy says: a timer that is left due would fire for ever.
    rows.put(key, advice.row, max(advice.due, now + 1))
    if advice.choice == "give_up":
        note_unanswered(rows, advice.row.tenant, advice.row.message_type, now)
    noticed, decisions = notice(cause, advice, expected, rows, now, config)
    # So that a person may choose by the event that told of it.
    reference = ReferenceRow(advice.row.thread_id, now)
    rows.put(_reference_key(noticed.tenant, noticed.event_id), reference, now + config.thread_ttl)
    return decisions


def _find(turn: Turn, target: str) -> str | None:
    """The key of the expectation that a command is about."""
    tenant, rows = turn.tenant, turn.rows
    if rows.get(expectation_key(tenant, target)) is not None:
        return expectation_key(tenant, target)
    reference = rows.get(_reference_key(tenant, target))
    noticed = reference.thread_id if isinstance(reference, ReferenceRow) else None
    thread_id = noticed or thread_of_message(turn, target)
    return None if thread_id is None else expectation_key(tenant, thread_id)


def _reference_key(tenant: str, event_id: str) -> str:
    return row_key("reference", tenant, "timeout", event_id)


def _origin(row: ExpectationRow) -> EventBase:
    return EventBase(
        event_id=row.opened_by,
        tenant=row.tenant,
        occurred_at=row.sent_at,
        recorded_at=row.sent_at,
        traceparent=row.traceparent,
    )
