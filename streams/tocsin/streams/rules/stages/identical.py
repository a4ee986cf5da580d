"""The same problem again within a short window: the first is told at once, the rest in a digest at the window's end."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import sha256

import msgspec

from tocsin.schemas.problem import Severity
from tocsin.streams.rules.context.references import MAX_IDS
from tocsin.streams.rules.context.sides import side_of
from tocsin.streams.rules.digest import Window, hold_back, open_window, window_of
from tocsin.streams.rules.facts import FIELDS, Facts, is_shortage, protocol_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Hold back what is identical to something told within the window. A case that was resolved meanwhile is news."""
    if not turn.limits.repeat_window:
        return None
    report.identity = group = group_of(turn, report, turn.limits.identical)
    row = window_of(turn, group)
    case = None if row is None else turn.cases.find(report.case)
    if row is None or (case is not None and case.status == "resolved"):
        return None
    held = hold_back(turn, report, Window(group=group, why=Reason.IDENTICAL, endpoints=(), until=row.until))
    return Verdict(
        reason=Reason.IDENTICAL, detail=f"told {(turn.now - row.since) // 1000} ms ago", represented_by=held
    )  # fmt: skip


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """It was told: what is identical is held back from now on, for the length of the window."""
    if report.identity and outcome.suppressed is None and report.limit is None:
        until = turn.now + turn.limits.repeat_window
        window = Window(group=report.identity, why=Reason.IDENTICAL, endpoints=report.endpoints, until=until)
        open_window(turn, report, window, outcome.represented_by)


def group_of(turn: Turn, report: Report, fields: tuple[str, ...]) -> str:
    """The digest's group of all that is identical in these fields."""
    values = [value(turn, report) for value in _values_of(fields)]
    return f"identical/{sha256(_encode(values)).hexdigest()[:32]}"


@lru_cache(maxsize=256)
def _values_of(fields: tuple[str, ...]) -> tuple[Callable[[Turn, Report], object], ...]:
    """What gives the value of each of these fields."""
    return tuple([_VALUES.get(name) or partial(_fact, FIELDS[name]) for name in fields])


def _fact(field: Callable[[Facts], str | None], turn: Turn, report: Report) -> object:
    return field(report.facts)


_encode = msgspec.msgpack.Encoder().encode


def _code(turn: Turn, report: Report) -> tuple[str | None, Severity]:
    """With the severity: an error is not its warning again."""
    return FIELDS["code"](report.facts), report.problem.severity


def _thread(turn: Turn, report: Report) -> object:
    """Not the thread that is only the message's own id: that is another one each time. Without one, two are told apart
    by what they acknowledge."""
    return report.thread or tuple(report.problem.ack[:MAX_IDS])


def _peer(turn: Turn, report: Report) -> tuple[str | None, list[str]]:
    """The two sides: in DIDComm v2 a connection is a pair of DIDs."""
    return report.facts.peer, sorted(report.problem.source.recipients)


def _source(turn: Turn, report: Report) -> tuple[str | None, ...]:
    """Who reports, and at whose side the trouble is, where the report says it or somebody is told for it: the other
    side's shortage must not hide our own."""
    problem = report.problem
    side = side_of(turn, problem) if problem.where_party or is_shortage(problem) else problem.source.side
    return problem.source.service, problem.source.wallet, side or problem.where_party


def _text(turn: Turn, report: Report) -> tuple[str | None, list[tuple[str | None, str]]]:
    """With the items, in which the dialects of fixed texts say what differs (RFC 0035 `problem_items`)."""
    return report.problem.text, [(item.key, item.value) for item in report.problem.items]


_VALUES: dict[str, Callable[[Turn, Report], object]] = {
    "code": _code,
    "thread": _thread,
    "peer": _peer,
    "protocol": lambda turn, report: protocol_of(report.problem),
    "source": _source,
    "text": _text,
}
"""What `identical` of the rules file may name -> its value, where that is not the field of this name in FIELDS."""
