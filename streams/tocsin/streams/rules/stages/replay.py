"""The same ciphertext with the same code came before: somebody replays it, or handed it in twice."""

from __future__ import annotations

from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ReplayRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict

SHOWN = 16
"""Digits of a digest that are shown to people."""


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a report whose message digest and code are those of a report within the window."""
    digest = report.problem.message_sha256
    row = _recent(turn, _key(turn, report)) if digest else None
    if not digest or row is None:
        return None
    detail = f"message {digest[:SHOWN]} was reported before"
    return Verdict(reason=Reason.REPLAYED, detail=detail, represented_by=row.represented_by)


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Remember which event stands for the ciphertext, for the length of the window."""
    window = turn.limits.replay_window
    if not window or not report.reported.problem.message_sha256:
        return
    key = _key(turn, report)
    if _recent(turn, key) is None:
        row = ReplayRow(turn.now, outcome.represented_by, report.reported_case)
        turn.replays.put(key, row, turn.now + window)


def _recent(turn: Turn, key: str) -> ReplayRow | None:
    row = turn.replays.get(key)
    return row if row is not None and turn.now - row.at < turn.limits.replay_window else None


def _key(turn: Turn, report: Report) -> str:
    problem = report.reported.problem
    return turn.replays.key((problem.message_sha256 or "").lower(), problem.code_key or problem.code)
