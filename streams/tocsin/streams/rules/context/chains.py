"""Chains: a report about a report counts on the thread of the first one.

Two agents that do not understand each other's reports answer each with another (RFC 0035, "Problem Report Loops"), and
each may name the one before as its thread, its parent or what it acknowledges: counted apart, such a loop would never
end.
"""

from __future__ import annotations

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.context.references import MAX_IDS
from tocsin.streams.rules.context.threads import linkable
from tocsin.streams.rules.facts import is_stated
from tocsin.streams.rules.state import ReferenceRow
from tocsin.streams.rules.turn import Turn

_KIND = "report"
"""References by the id of a report's own message, or of the thread that it opened for itself."""


def first_thread(turn: Turn, problem: Problem, thread: str | None) -> str | None:
    """The thread on which a report counts that is about `thread`: that of the first report, when it is about one, or
    acknowledges one (DIDComm v2 `ack`)."""
    if thread is None:
        return None
    first = _first(turn, thread)
    if first is None and problem.parent_thread_id and is_stated(problem):
        first = _first(turn, problem.parent_thread_id)
    if first is None and problem.ack:
        first = next(filter(None, (_first(turn, one) for one in problem.ack[:MAX_IDS] if linkable(one))), None)
    return first or thread


def remember_report(turn: Turn, problem: Problem, thread: str | None) -> None:
    """What answers this report counts on `thread` too, by whichever id it names the report."""
    named = [problem.message_id]
    if problem.parent_thread_id and is_stated(problem) and _opened_by_report(turn, problem.thread_id or ""):
        named.append(problem.thread_id)
    for one in named:
        if one is not None and linkable(one) and linkable(thread) and (one != thread or one != problem.message_id):
            row = ReferenceRow(thread, turn.now)
            turn.references.keep(turn.references.key(_KIND, one), row, turn.now + turn.config.thread_ttl)


def remember_sent(turn: Turn, message_id: str, thread: str | None) -> None:
    """A message of ours tells a peer of a problem in `thread`: what names the message, by whichever of its ids, is
    about that thread, and the message itself is ours."""
    if not linkable(message_id) or not linkable(thread) or message_id == thread:
        return
    for kind in (_KIND, "message", "own"):
        row = ReferenceRow(None if kind == "own" else thread, turn.now)
        turn.references.keep(turn.references.key(kind, message_id), row, turn.now + turn.config.thread_ttl)


def remember_ignored(turn: Turn, problem: Problem) -> None:
    """The message of a report that changes nothing: told as activity, it changes nothing either."""
    if problem.message_id is not None and linkable(problem.message_id):
        key = turn.references.key(_KIND, problem.message_id)
        turn.references.keep(key, ReferenceRow(None, turn.now), turn.now + turn.config.thread_ttl)


def is_reported(turn: Turn, message_id: str | None) -> bool:
    """Whether a message is a report that came before."""
    if message_id is None or not linkable(message_id):
        return False
    own = turn.threads.find(message_id)
    known = turn.references.find(_KIND, message_id) is not None
    return known or (own is not None and own.count > 0 and own.activity == 0)


def _first(turn: Turn, named: str) -> str | None:
    row = turn.references.find(_KIND, named)
    return None if row is None else row.thread_id


def _opened_by_report(turn: Turn, thread: str) -> bool:
    """Whether nothing else is in the thread: a report made it for itself, and says in which one the problem is."""
    row = turn.threads.find(thread)
    return row is not None and row.count == 1 and row.activity == 0
