"""Spans of time in which nothing could be heard."""

from __future__ import annotations

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.state import GapsRow
from tocsin.streams.rules.values import DAY

GAPS_KEY = "gaps"
"""One row a partition, of no tenant."""

MAX_SPANS = 32
"""Spans that are remembered, the latest ones."""

GAPS_TTL = 90 * DAY
"""How long a span is remembered."""


def note_gap(rows: Rows, since: int, until: int) -> None:
    """This partition heard nothing from `since` until `until` (microseconds) though it should have: every expectation
    that was open then gets that time as grace."""
    if until <= since:
        return
    spans = merged([*_spans(rows), (since, until)])
    recent = [span for span in spans if span[1] > until - GAPS_TTL]
    rows.put(GAPS_KEY, GapsRow(tuple(recent[-MAX_SPANS:])), until + GAPS_TTL)


def unheard(rows: Rows, since: int, until: int) -> int:
    """How much of the time from `since` until `until` nothing was heard (microseconds)."""
    return sum(max(min(end, until) - max(start, since), 0) for start, end in _spans(rows))


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch each other as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _spans(rows: Rows) -> tuple[tuple[int, int], ...]:
    row = rows.get(GAPS_KEY)
    return row.spans if isinstance(row, GapsRow) else ()
