"""A picture on a terminal, of any size: what is wrong first, tables cut to what fits."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tocsin.connectors.printable import clipped
from tocsin.streams.cli.top.picture import Code, Endpoint, Picture

FIXED_LINES = 10
"""What stands above and around the two tables."""
LEAST_ROWS = 2
MOST_CODES = 8
WIDE = 70
"""Columns from which on every figure has its own."""
SOON, LATE = 5.0, 60.0
"""Seconds of lag from which on a figure is yellow, and red."""


def drawn(picture: Picture, title: str, width: int, height: int) -> RenderableType:
    """All of it, at most `height` lines of `width` columns, as far as that is possible."""
    room = max(2 * LEAST_ROWS, height - FIXED_LINES)
    codes = min(MOST_CODES, len(picture.codes), max(LEAST_ROWS, room // 2 if picture.endpoints else room))
    endpoints = min(len(picture.endpoints), max(LEAST_ROWS, room - codes))
    parts: list[RenderableType] = [Text(title, style="bold", no_wrap=True, overflow="ellipsis"), *_heads(picture)]
    if picture.codes:
        parts.append(_codes(picture.codes, codes, width))
    if picture.endpoints:
        parts.append(_endpoints(picture.endpoints, endpoints, width))
    return Group(*parts)


def _heads(picture: Picture) -> list[Text]:
    lines = [_problems(picture), _cases(picture), _lag(picture), _deliveries(picture)]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return [_processes(picture), *lines]


def _processes(picture: Picture) -> Text:
    """The only line that may need several: why one is away must be seen."""
    line = Text()
    for name, why in picture.away.items():
        line.append(f"{clipped(name, 40)} AWAY ({clipped(why, 60)})  ", "bold red")
    for name in picture.up:
        line.append(f"{clipped(name, 40)} up  ", "green")
    return line


def _problems(picture: Picture) -> Text:
    line = Text("problems a minute  ")
    for severity, rate in sorted(picture.reported_a_minute.items(), key=lambda one: -one[1]):
        line.append(f"{severity} {rate:.1f}  ", "red" if severity == "error" and rate else "")
    return line if picture.reported_a_minute else line.append("none seen", "dim")


def _cases(picture: Picture) -> Text:
    line = Text(f"cases open {_said(picture.cases)}")
    if picture.oldest_case:
        line.append(f" (oldest {age(picture.oldest_case)})")
    line.append(f"  escalations {_said(picture.escalations)}", "yellow" if picture.escalations else "")
    line.append(f"  since start: unanswered {_said(picture.unanswered)}", "red" if picture.unanswered else "")
    line.append(f"  dead letters {_said(picture.dead)}")
    if picture.dead_a_minute:
        line.append(f" (+{picture.dead_a_minute:.1f} a minute)", "red")
    return line


def _lag(picture: Picture) -> Text:
    line = Text("waiting records")
    for agent, lag in sorted(picture.lag.items()):
        line.append(f"  {clipped(agent, 20)} {lag['records']:.0f}", _late(lag))
        if "seconds" in lag:
            line.append(f" ({age(lag['seconds'])})", _late(lag))
    return line.append(f"  store {_said(picture.store)}", _late({"seconds": picture.store_behind or 0.0}))


def _late(lag: Mapping[str, float]) -> str:
    seconds = lag.get("seconds", 0.0)
    return "red" if seconds >= LATE else "yellow" if seconds >= SOON else ""


def _deliveries(picture: Picture) -> Text:
    line = Text("partitions ")
    line.append(f"halted {_said(picture.halted)}", "bold red" if picture.halted else "")
    line.append(f"  stalled {_said(picture.stalled)}", "bold red" if picture.stalled else "")
    line.append(f"  deliveries waiting {_said(picture.pending)}")
    if picture.pending and picture.oldest:
        line.append(f" (oldest {age(picture.oldest)})", _late({"seconds": picture.oldest}))
    return line


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, expand=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=True, overflow="ellipsis", justify="right" if number else "left")
    return table


def _codes(codes: tuple[Code, ...], most: int, width: int) -> Table:
    table = _table("code", "a minute", "since start", *(("severity",) if width >= WIDE else ()))
    for one in codes[:most]:
        style = "red" if one.severity == "error" and one.a_minute else ""
        cells = [clipped(one.code, 60), f"{one.a_minute:.1f}", str(one.total)]
        table.add_row(*cells, *((clipped(one.severity, 12),) if width >= WIDE else ()), style=style)
    return _with_rest(table, len(codes) - most)


def _endpoints(endpoints: tuple[Endpoint, ...], most: int, width: int) -> Table:
    table = _table("endpoint", "state", "taken/min", "failed/min", *(("95 %", "waiting") if width >= WIDE else ()))
    for one in endpoints[:most]:
        cells = [
            clipped(one.endpoint, 40),
            clipped(one.state, 12),
            f"{one.taken_a_minute:.1f}",
            f"{one.failed_a_minute:.1f}",
        ]
        if width >= WIDE:
            cells += ["" if one.slow is None else age(one.slow), str(one.waiting)]
        table.add_row(*cells, style="" if one.state == "well" and not one.failed_a_minute else "yellow")
    return _with_rest(table, len(endpoints) - most)


def _with_rest(table: Table, rest: int) -> Table:
    if rest > 0:
        table.add_row(f"... and {rest} more", style="dim")
    return table


def _said(value: int | None) -> str:
    return "?" if value is None else str(value)


def age(seconds: float) -> str:
    """A time for a person: 12 ms, 3.4 s, 5 min, 2 h, 3 d."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / size:.1f} {unit}" if seconds / size < 10 else f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
