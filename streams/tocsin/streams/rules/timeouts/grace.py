"""Time in which nothing could be heard does not count: else every outage ends in an alert storm."""

from __future__ import annotations

from tocsin.streams.rules.context.gaps import unheard
from tocsin.streams.rules.state import ExpectationRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND

LATE = 5 * SECOND
"""How late a timer may fire without an outage."""


def grace_of(turn: Turn, row: ExpectationRow, due: int | None) -> int:
    """How much longer an expectation whose timer was due at `due` and fires now may take (microseconds): what could not
    be heard since it was opened and was not granted yet. Once, a timer that fires late is grace enough: no tick came
    all that time, so an outage too short to be noted has just ended, and the replies that waited for its end are on
    their way."""
    extra = unheard(turn.rows, row.sent_at, turn.now) - row.granted
    late = 0 if due is None else turn.now - due
    if extra <= 0 and row.granted == 0 and late > LATE:
        return late
    return max(extra, 0)
