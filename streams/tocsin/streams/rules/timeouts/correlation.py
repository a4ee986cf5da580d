"""Which expectation a message, a thread or an id belongs to."""

from __future__ import annotations

from tocsin.schemas.events import ActivityObserved
from tocsin.streams.rules.context.threads import MAX_TEXT, clip, thread_of_message
from tocsin.streams.rules.state import ExpectationRow, ReferenceRow
from tocsin.streams.rules.turn import Turn

_RETRY = "retry"
"""References from the thread of a retry to that of the message that was sent again."""

_NOTICE = "timeout"
"""References from the event that noticed a time-out to the thread whose reply does not come."""


def expectation_key(turn: Turn, thread_id: str) -> str:
    """The key of a thread's expectation."""
    return turn.expectations.key(thread_id[:MAX_TEXT])


def expected_in(turn: Turn, thread_id: str) -> list[str]:
    """The keys of the expectations that a message in this thread may answer: its own, and that of the message that was
    sent again in it."""
    keys = [expectation_key(turn, thread_id)]
    original = turn.references.find(_RETRY, thread_id) if len(thread_id) <= MAX_TEXT else None
    if original is not None and original.thread_id is not None:
        keys.append(expectation_key(turn, original.thread_id))
    return keys


def answered_by(turn: Turn, activity: ActivityObserved) -> list[str]:
    """The keys of the expectations that a received message may answer: in its thread, and in the one above when it
    names the very message that waits or begins a thread of its own. What is said in that thread later is no reply to
    the thread above."""
    keys = expected_in(turn, activity.thread_id) if activity.thread_id else []
    parent = activity.parent_thread_id
    if parent is None:
        return keys
    own = turn.threads.find(activity.thread_id) if activity.thread_id else None
    begins = own is None or own.last_message_type is None
    for above in dict.fromkeys((parent, thread_of_message(turn, parent) or parent)):
        for key in expected_in(turn, above):
            row = turn.expectations.get(key)
            if row is not None and key not in keys and (begins or row.message_id == parent):
                keys.append(key)
    return keys


def find_expectation(turn: Turn, target: str) -> str | None:
    """The key of the expectation that an id is about: of a thread, a message, or the event that noticed a time-out."""
    key = expectation_key(turn, target)
    if turn.expectations.get(key) is not None:
        return key
    reference = turn.references.get(turn.references.key(_NOTICE, target))
    noticed = None if reference is None else reference.thread_id
    thread_id = noticed or thread_of_message(turn, target) or target
    known = (key for key in expected_in(turn, thread_id) if turn.expectations.get(key) is not None)
    return next(known, None)


def is_same_message(activity: ActivityObserved, row: ExpectationRow) -> bool:
    """Both parties may be of one tenant: what the other one received is then the very message that was sent."""
    message_id = clip(activity.message_id)
    return message_id is not None and message_id == row.message_id


def note_retry(turn: Turn, thread_id: str, row: ExpectationRow) -> None:
    """The message of an expectation was sent again in this thread."""
    if len(thread_id) <= MAX_TEXT:
        reference = ReferenceRow(row.thread_id, turn.now)
        turn.references.keep(turn.references.key(_RETRY, thread_id), reference, turn.now + turn.config.thread_ttl)


def note_notice(turn: Turn, event_id: str, row: ExpectationRow) -> None:
    """An event noticed that the reply does not come: a person may choose by its id."""
    reference = ReferenceRow(row.thread_id, turn.now)
    turn.references.put(turn.references.key(_NOTICE, event_id), reference, turn.now + turn.config.thread_ttl)
