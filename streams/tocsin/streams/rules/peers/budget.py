"""What a peer may be told: so much of a thread and of an hour, then once that it was too much, then nothing."""

from __future__ import annotations

from typing import Literal

import msgspec

from tocsin.connectors.catalogue.limits import is_limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import PeerRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import HOUR


def spend(turn: Turn, report: Report) -> Literal["told", "limit_notice", "silent"]:
    """Count one more on the budgets of the peer's hour and of the thread; `limit_notice`: one is crossed just now."""
    limits, until = turn.limits, turn.now + turn.config.thread_ttl
    hour_key, thread = turn.peers.key("hour", report.peer or ""), thread_key(turn, report)
    of_hour, of_thread = _row(turn, hour_key, turn.now + HOUR), _row(turn, thread, until)
    if of_hour.silent or of_thread.silent:
        return "silent"
    hour_over = bool(limits.peer_hour) and of_hour.count >= limits.peer_hour
    over = hour_over or (bool(limits.peer_thread) and of_thread.count >= limits.peer_thread)
    of_hour = msgspec.structs.replace(of_hour, count=of_hour.count + 1, silent=hour_over)
    turn.peers.keep(hour_key, of_hour, of_hour.until)
    silent = over or is_limit_notice(report.problem)
    of_thread = msgspec.structs.replace(of_thread, count=of_thread.count + 1, until=until, silent=silent)
    turn.peers.keep(thread, of_thread, of_thread.until)
    return "limit_notice" if over else "told"


def silence(turn: Turn, report: Report) -> None:
    """Tell the peer nothing more of the report's thread."""
    key, until = thread_key(turn, report), turn.now + turn.config.thread_ttl
    row = _row(turn, key, until)
    turn.peers.keep(key, msgspec.structs.replace(row, silent=True), row.until)


def thread_key(turn: Turn, report: Report) -> str:
    """The key of the row of what the peer was told of the report's thread. What has no thread is counted as one thread:
    a peer could otherwise be told without end."""
    peer = report.peer
    if peer is None and report.thread is not None:  # an answer may name nothing but the message that told the peer
        row = turn.threads.find(report.thread)
        peer = None if row is None else row.connection
    return turn.peers.key("thread", peer or "", report.thread or report.problem.thread_id or "")


def told_of_thread(turn: Turn, report: Report) -> PeerRow | None:
    """What the peer was told of the report's thread, if anything."""
    row = turn.peers.get(thread_key(turn, report))
    return row if row is not None and row.count and turn.now < row.until else None


def _row(turn: Turn, key: str, until: int) -> PeerRow:
    row = turn.peers.get(key)
    return row if row is not None and turn.now < row.until else PeerRow(0, turn.now, until)
