"""A message went out that may want a reply: the expectation of its thread is opened, replaced or armed again."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ActivityObserved
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.spans import DAY, MINUTE
from tocsin.streams.rules.state import ExpectationRow, row_key
from tocsin.streams.rules.timeouts.choosing import kept_for
from tocsin.streams.rules.timeouts.learning import expected_for, note_unanswered
from tocsin.streams.rules.timeouts.replies import RETRY_OF, policy_for, wants_reply

MAX_NAME = 255
"""Characters of an id from outside that a row keeps."""


REMEMBERED = DAY
"""For how long an answered message is known again; what was recorded longer ago opens nothing."""

SLACK = MINUTE
"""By how much the clocks and queues of those who record may differ."""


HEARD = 8
"""How many of the messages last sent on a thread are known again by their events."""


def is_old(activity: ActivityObserved, row: ExpectationRow) -> bool:
    """Whether this was heard before, or was recorded well before what was heard last: handed in twice, or late."""
    return activity.event_id in row.heard or activity.recorded_at < row.heard_at - SLACK


def _heard(activity: ActivityObserved, row: ExpectationRow | None) -> tuple[str, ...]:
    return (*(row.heard if row is not None else ()), activity.event_id)[-HEARD:]


def expectation_key(tenant: str, thread_id: str) -> str:
    """The key of a thread's expectation; there is one for each thread."""
    return row_key("expectation", tenant, clipped(thread_id))


def message_went_out(
    activity: ActivityObserved, message_type: str, thread_id: str, rows: Rows, now: int, config: DecideConfig
) -> None:
    """Open the expectation of a thread when the message wants a reply; an older one of the thread is forgotten. A
    message of which nobody knows that is watched, but does not take the place of one that does want a reply."""
    policy = policy_for(config.book.timeouts_of(activity.tenant), message_type)
    if policy is None:
        return
    wanted = wants_reply(activity, message_type, policy, rows)
    if wanted is False:
        return
    key = expectation_key(activity.tenant, thread_id)
    row = rows.get(key)
    older = row if isinstance(row, ExpectationRow) else None
    if now - activity.recorded_at > REMEMBERED or (older is not None and is_old(activity, older)):
        return
    heard = _heard(activity, older)
    if older is not None and older.state == "watching":
        note_unanswered(rows, older.tenant, older.message_type, now)
    elif older is not None and older.state != "answered":
        if activity.detail.get(RETRY_OF) or message_type == older.message_type:
            again = msgspec.structs.replace(older, resent=True, heard=heard, heard_at=activity.recorded_at)
            _rearm(key, again, policy, rows, now)
            return
        if wanted is None and older.state != "given_up":
            return
    _open(key, activity, message_type, thread_id, policy, wanted or False, heard, rows, now)


def _open(
    key: str,
    activity: ActivityObserved,
    message_type: str,
    thread_id: str,
    policy: TimeoutPolicy,
    wanted: bool,
    heard: tuple[str, ...],
    rows: Rows,
    now: int,
) -> None:
    row = ExpectationRow(
        tenant=activity.tenant,
        thread_id=clipped(thread_id),
        message_id=activity.message_id and clipped(activity.message_id),
        message_type=message_type,
        sent_at=now,
        opened_by=activity.event_id,
        connection=activity.connection and clipped(activity.connection),
        traceparent=activity.traceparent,
        heard=heard,
        heard_at=activity.recorded_at,
    )
    expected = expected_for(rows, row.tenant, message_type, row.connection, policy) if wanted else None
    if expected is None:
        rows.put(key, row, now + kept_for(policy))
    else:
        rows.put(key, msgspec.structs.replace(row, state="waiting"), now + max(expected.after, 1))


def _rearm(key: str, row: ExpectationRow, policy: TimeoutPolicy, rows: Rows, now: int) -> None:
    """The message was sent again, as advised or by itself: the time-out begins anew, though not for ever. What was
    given up stays so: a sender that never stops is told of once."""
    if row.state == "given_up":
        rows.put(key, row, rows.due(key))
        return
    attempt = row.attempt if row.state == "retrying" else row.attempt + 1
    again = msgspec.structs.replace(row, attempt=attempt, state="waiting")
    expected = expected_for(rows, row.tenant, row.message_type, row.connection, policy)
    if expected is not None and attempt <= policy.retries + 1:
        rows.put(key, again, now + max(expected.after, 1))
    else:
        rows.put(key, again, rows.due(key))


def clipped(name: str) -> str:
    """An id from outside, as long as a row may keep it."""
    return name[:MAX_NAME]
