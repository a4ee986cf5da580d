"""The same problem again within a short window: the first is told at once, the rest in a digest at the window's end."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import msgspec

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.digest import hold_back, open_window, window_of
from tocsin.streams.rules.loops.thread_budget import thread_in_trouble
from tocsin.streams.rules.loops.verdict import Pass, Silenced
from tocsin.streams.rules.state import CaseRow, row_key

IDENTICAL = "identical"
"""The suppression reason."""


def first_or_held(heard: Heard, rows: Rows, config: DecideConfig) -> Pass | Silenced:
    """Hold back what is identical to something told within the window. A case that was resolved meanwhile is news."""
    limits = config.book.limits_of(heard.tenant)
    if not limits.repeat_window:
        return Pass()
    group = _group(heard, limits.identical)
    window = window_of(heard.tenant, group, rows, heard.now)
    if window is None or _resolved(heard, rows):
        return Pass(group)
    survivor = hold_back(heard, rows, group=group, why=IDENTICAL, endpoints=(), until=window.until)
    return Silenced(IDENTICAL, f"told {(heard.now - window.since) // 1000} ms ago", survivor)


def open_for_identical(
    heard: Heard, group: str, survivor: str, endpoints: tuple[str, ...], rows: Rows, config: DecideConfig
) -> None:
    """The event `survivor` was told: what is identical is held back from now on, for the length of the window."""
    until = heard.now + config.book.limits_of(heard.tenant).repeat_window
    open_window(heard, rows, group=group, why=IDENTICAL, survivor=survivor, endpoints=endpoints, until=until)


def _resolved(heard: Heard, rows: Rows) -> bool:
    case = rows.get(row_key("case", heard.tenant, heard.case))
    return isinstance(case, CaseRow) and case.status == "resolved"


def _group(heard: Heard, fields: tuple[str, ...]) -> str:
    values = [_FIELDS[name](heard) for name in fields]
    return f"identical/{sha256(msgspec.msgpack.encode(values)).hexdigest()[:32]}"


def _protocol(heard: Heard) -> str | None:
    problem = heard.report.problem
    return problem.source.protocol or (problem.message_type or "").rpartition("/")[0] or None


def _code(heard: Heard) -> str:
    problem = heard.report.problem
    return problem.code_key or problem.code


def _source(heard: Heard) -> tuple[str | None, str | None]:
    source = heard.report.problem.source
    return source.service, source.wallet


def _record(heard: Heard) -> tuple[str | None, str | None]:
    source = heard.report.problem.source
    return source.record_type, source.record_id


_FIELDS: dict[str, Callable[[Heard], object]] = {
    "code": _code,
    "scope": lambda heard: heard.report.problem.scope,
    # Not the thread that is only the message's own id: that is another one each time.
    "thread": thread_in_trouble,
    "peer": lambda heard: heard.peer,
    "protocol": _protocol,
    "source": _source,
    "record": _record,
    "text": lambda heard: heard.report.problem.text,
}
