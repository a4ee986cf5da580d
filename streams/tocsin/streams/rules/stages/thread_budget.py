"""Errors of one thread: so many and no more, never reset (DIDComm v2, "Cascading Problems").

A thread of which a limit notice was told is muted while it is remembered; every further problem on it prolongs that. A
limit notice of the other side is a problem like any: a peer could else switch off the owner's alarm (what the peer is
told itself is for the stage `audience`).
"""

from __future__ import annotations

import msgspec

from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ThreadErrorsRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the problem on its thread; suppress it when the thread is muted, and tell the limit notice when the budget
    is spent. What is in the thread itself was counted on its own row, by `context.enrich`."""
    thread = report.thread
    if thread is None:
        return None
    inside = report.counted if thread == report.context.thread_id else turn.threads.find(thread)
    about_key = turn.thread_errors.key(thread)
    about = turn.thread_errors.get(about_key)
    if thread not in (report.problem.thread_id, report.context.thread_id):
        count = 1 if about is None else about.count + 1
        about = ThreadErrorsRow(turn.now, count, about.muted if about else "")
        turn.thread_errors.keep(about_key, about, turn.now + turn.config.thread_ttl)
    muted = (inside.muted if inside else "") or (about.muted if about else "")
    if muted:
        detail = "the limit notice of this thread was told"
        return Verdict(reason=Reason.THREAD_MUTED, detail=detail, represented_by=muted)
    count = (inside.count if inside else 0) + (about.count if about else 0)
    allowed = turn.limits.thread_errors
    return limit_notice(report.problem, Limit.THREAD_ERRORS, allowed) if 0 < allowed < count else None


def after_limit(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Mute the thread of which a limit notice was told, whichever limit of errors it was."""
    thread = report.thread
    if thread is None or (report.limit is not None and not report.limit.of_one_thread):
        return
    key = turn.threads.key(thread)
    inside = turn.threads.get(key)
    if inside is not None:
        turn.threads.replace(key, msgspec.structs.replace(inside, muted=outcome.represented_by))
    key = turn.thread_errors.key(thread)
    about = turn.thread_errors.get(key)
    if about is not None:
        turn.thread_errors.replace(key, msgspec.structs.replace(about, muted=outcome.represented_by))
