"""Problem reports of one connection and code, reset by any other message (RFC 0035, "Problem Report Loops") and by a
pause: one now and then is no loop."""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.references import references_of, thread_of
from tocsin.streams.rules.context.threads import MAX_CODE, clip
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.last_word import last_word
from tocsin.streams.rules.loops.verdict import Replaced, Silenced
from tocsin.streams.rules.state import CONNECTION_CODES, CodeErrors, ConnectionErrorsRow, row_key
from tocsin.streams.rules.turn import Turn

CONNECTION_ERRORS = "connection_errors"
"""The suppression reason, and the name of the limit."""

_MESSAGES = (ActivityKind.MESSAGE_SENT, ActivityKind.MESSAGE_RECEIVED)


def count_on_connection(heard: Heard, rows: Rows, config: DecideConfig) -> Replaced | Silenced | None:
    """Count the problem on its connection; a last word when its code came too often without any other message."""
    connection, allowed = _connection(heard), config.book.limits_of(heard.tenant).connection_errors
    if connection is None or not allowed:
        return None
    codes = _codes(connection, heard, rows)
    mine = _mine(codes, heard, config)
    mine = msgspec.structs.replace(mine, count=mine.count + 1, last_seen=heard.now)
    _keep(connection, codes, mine, heard, rows, config)
    if mine.muted:
        detail = f"{mine.count} on this connection without any other message"
        return Silenced(CONNECTION_ERRORS, detail, mine.muted)
    return last_word(heard, CONNECTION_ERRORS, allowed) if mine.count > allowed else None


def mute_on_connection(heard: Heard, survivor: str, rows: Rows, config: DecideConfig) -> None:
    """The last word on this code was said: silence until another message comes or goes over the connection, or nothing
    comes for a while."""
    connection = _connection(heard)
    if connection is None:
        return
    codes = _codes(connection, heard, rows)
    mine = msgspec.structs.replace(_mine(codes, heard, config), muted=survivor)
    _keep(connection, codes, mine, heard, rows, config)


def heard_other_message(turn: Turn, activity: ActivityObserved) -> None:
    """A message came or went: unless it is a problem report itself, the counters of its connection begin anew. One that
    does not say it is taken for its thread's."""
    if activity.kind not in _MESSAGES or is_report(activity.message_type):
        return
    connection = clip(activity.connection) or _by_thread(turn, activity)
    if connection is not None:
        turn.connection_errors.delete(turn.connection_errors.key(connection))


def _by_thread(turn: Turn, activity: ActivityObserved) -> str | None:
    thread_id = thread_of(turn, activity, references_of(turn, activity))
    thread = None if thread_id is None else turn.threads.find(thread_id)
    return None if thread is None else thread.connection


def _mine(codes: tuple[CodeErrors, ...], heard: Heard, config: DecideConfig) -> CodeErrors:
    """What was counted of this code; nothing, once nobody heard of it for longer than the window."""
    code, window = _code(heard), config.book.limits_of(heard.tenant).connection_window
    known = next((one for one in codes if one.code == code and heard.now - one.last_seen <= window), None)
    return known or CodeErrors(code, 0, heard.now)


def _codes(connection: str, heard: Heard, rows: Rows) -> tuple[CodeErrors, ...]:
    row = rows.get(row_key("connection_errors", heard.tenant, connection))
    return row.codes if isinstance(row, ConnectionErrorsRow) else ()


def _keep(
    connection: str, codes: tuple[CodeErrors, ...], mine: CodeErrors, heard: Heard, rows: Rows, config: DecideConfig
) -> None:
    others = [one for one in codes if one.code != mine.code]
    if len(others) >= CONNECTION_CODES:
        # A code that is muted stays longer than one that is only counted, or new codes would unmute it.
        others.remove(next((one for one in others if not one.muted), others[0]))
    key = row_key("connection_errors", heard.tenant, connection)
    row = ConnectionErrorsRow(heard.now, (*others, mine))
    rows.put(key, row, rows.due(key) or heard.now + config.thread_ttl)


def _connection(heard: Heard) -> str | None:
    return clip(heard.context.connection) or clip(heard.problem.source.connection)


def _code(heard: Heard) -> str:
    return (heard.problem.code_key or heard.problem.code)[:MAX_CODE]
