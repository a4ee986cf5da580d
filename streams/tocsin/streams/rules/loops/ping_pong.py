"""A tells B, B tells A: problems of one category that go to and fro between the same two (REQUIREMENTS b.3 3)."""

from __future__ import annotations

import msgspec

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.last_word import last_word
from tocsin.streams.rules.loops.verdict import Replaced, Silenced
from tocsin.streams.rules.state import ErrorsRow, row_key

PING_PONG = "ping_pong"
"""The suppression reason, and the name of the limit."""


def count_to_and_fro(heard: Heard, rows: Rows, config: DecideConfig) -> Replaced | Silenced | None:
    """Count the problem if it goes the other way than the last one of its category between the same two; a last word
    when that happens too often within the window, then silence between them until the next window."""
    limits, parties = config.book.limits_of(heard.tenant), _parties(heard)
    if not limits.ping_pong or parties is None:
        return None
    key, sender = parties
    row = rows.get(key)
    if not isinstance(row, ErrorsRow) or heard.now - row.since >= limits.ping_pong_window:
        row = ErrorsRow(0, heard.now, heard.now)
    if row.muted:
        return Silenced(PING_PONG, f"went {row.count} times to and fro", row.muted)
    if sender == row.last_from:
        return None
    row = msgspec.structs.replace(row, count=row.count + 1, last_seen=heard.now, last_from=sender)
    rows.put(key, row, row.since + limits.ping_pong_window)
    return last_word(heard, PING_PONG, limits.ping_pong) if row.count > limits.ping_pong else None


def mute_between(heard: Heard, survivor: str, rows: Rows, config: DecideConfig) -> None:
    """The last word between these two was said: silence for the length of a window."""
    parties = _parties(heard)
    row = rows.get(parties[0]) if parties else None
    if parties is None or not isinstance(row, ErrorsRow):
        return
    row = msgspec.structs.replace(row, muted=survivor, since=heard.now)
    rows.put(parties[0], row, heard.now + config.book.limits_of(heard.tenant).ping_pong_window)


def _parties(heard: Heard) -> tuple[str, str] | None:
    """The key of the row of these two and this category, and who sent this one; None when that is not known."""
    problem, source = heard.problem, heard.problem.source
    category = problem.category or problem.code_key or problem.code
    connection = heard.context.connection or source.connection
    if source.sender is None:
        return None
    sender = clip(source.sender) or ""
    if source.recipients:
        first, second = sorted((source.sender, source.recipients[0]))
        return row_key("errors", heard.tenant, "pair", category, first, second), sender
    if connection is not None:
        return row_key("errors", heard.tenant, "connection", category, connection), sender
    return None
