"""Problem reports of one connection and code, reset by any other message (RFC 0035, "Problem Report Loops")."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.engine.record import Rows
from tocsin.streams.protocols.message_names import REPORT, plain
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.last_word import last_word
from tocsin.streams.rules.loops.verdict import Replaced, Silenced
from tocsin.streams.rules.rows import CONNECTION_CODES, CodeErrors, ConnectionErrorsRow, row_key

CONNECTION_ERRORS = "connection_errors"
"""The suppression reason, and the name of the limit."""

_MESSAGES = (ActivityKind.MESSAGE_SENT, ActivityKind.MESSAGE_RECEIVED)


def count_on_connection(heard: Heard, rows: Rows, config: DecideConfig) -> Replaced | Silenced | None:
    """Count the problem on its connection; a last word when its code came too often without any other message."""
    connection, allowed = _connection(heard), config.book.limits_of(heard.tenant).connection_errors
    if connection is None or not allowed:
        return None
    codes = _codes(connection, heard, rows)
    code = _code(heard)
    mine = next((one for one in codes if one.code == code), CodeErrors(code, 0))
    mine = msgspec.structs.replace(mine, count=mine.count + 1)
    _keep(connection, codes, mine, heard, rows, config)
    if mine.muted:
        detail = f"{mine.count} on this connection without any other message"
        return Silenced(CONNECTION_ERRORS, detail, mine.muted)
    return last_word(heard, CONNECTION_ERRORS, allowed) if mine.count > allowed else None


def mute_on_connection(heard: Heard, survivor: str, rows: Rows, config: DecideConfig) -> None:
    """The last word on this code was said: silence until another message comes or goes over the connection."""
    connection = _connection(heard)
    if connection is None:
        return
    codes = _codes(connection, heard, rows)
    mine = next((one for one in codes if one.code == _code(heard)), CodeErrors(_code(heard), 1))
    _keep(connection, codes, msgspec.structs.replace(mine, muted=survivor), heard, rows, config)


def heard_other_message(activity: ActivityObserved, rows: Rows, now: int) -> None:
    """A message came or went: unless it is a problem report itself, the counters of its connection begin anew."""
    if activity.connection is None or activity.kind not in _MESSAGES or is_report(activity.message_type):
        return
    rows.delete(row_key("connection_errors", activity.tenant, activity.connection))


def is_report(message_type: str | None) -> bool:
    """Whether this is a problem report's type, of whatever protocol (REQUIREMENTS b.3 1); an unknown type is none."""
    return message_type is not None and plain(message_type.rstrip("/").rpartition("/")[2]) == REPORT


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
    return heard.context.connection or heard.problem.source.connection


def _code(heard: Heard) -> str:
    return (heard.problem.code_key or heard.problem.code)[:128]
