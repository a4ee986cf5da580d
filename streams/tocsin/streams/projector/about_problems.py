"""Reports, and what `decide` says of them, as rows."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.connectors.store.queries.numbers import DAY, HOUR
from tocsin.connectors.store.text import storable
from tocsin.connectors.store.words import words_of
from tocsin.schemas.events import (
    ConflictNoticed,
    EventBase,
    ProblemExplained,
    ProblemOpened,
    ProblemPromoted,
    ProblemRepeated,
    ProblemReported,
    ProblemResolved,
    ProblemsDigested,
    ProblemSuppressed,
    ProblemUnrouted,
    ThreadContext,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Problem
from tocsin.streams.projector.compact import compact_json
from tocsin.streams.projector.taken import Taken, Turn, clean

BY_REPORT, BY_NOTICE, BY_DECISION = 2, 1, 0
TITLE = 500

_json = msgspec.json.Encoder().encode


def reported(turn: Turn, event: ProblemReported, taken: Taken) -> None:
    """A report. The first one of its id is the one that counts, as for `decide`."""
    key = (event.tenant, event.event_id)
    if turn.known.reported.get(key) == BY_REPORT:
        return
    turn.known.reported[key] = BY_REPORT
    problem, at = event.problem, event.recorded_at
    row = _content(problem, event.tenant) | {
        "tenant": event.tenant, "id": event.event_id, "known_by": BY_REPORT, "at": at, "occurred_at": event.occurred_at,
        "raw": event.raw, "raw_media_type": event.raw_media_type, "traceparent": event.traceparent,
    }  # fmt: skip
    turn.changes.put("report", clean(row))
    hour = at - at % HOUR
    turn.changes.count(event.tenant, "code", hour, storable(problem.code_key or problem.code))
    turn.changes.count(event.tenant, "dialect", hour, storable(problem.dialect))
    source = problem.source
    peer = source.sender or source.connection or ""
    for broken in problem.violations:
        names = clean({"peer": peer, "rule": broken.rule, "dialect": problem.dialect, "pointer": broken.pointer})
        where = (event.tenant, names["peer"], names["rule"], names["dialect"], at - at % DAY)
        turn.changes.violation(where, at, event.event_id, names["pointer"])
    if source.connection:
        turn.changes.put(
            "connection",
            clean(
                {
                    "tenant": event.tenant, "id": source.connection, "first_at": at, "at": at, "trust": source.trust,
                    "last_id": event.event_id, "peer": source.sender,
                }
            ),
        )  # fmt: skip


def told(turn: Turn, event: ProblemOpened | ProblemRepeated, taken: Taken) -> None:
    """A case was opened, or its problem came again. A notice in place of a report may be another problem than that."""
    problem, key = event.problem, (event.tenant, event.report)
    if turn.known.reported.get(key, BY_DECISION) < BY_NOTICE:
        turn.known.reported[key] = BY_NOTICE
        row = _content(problem, event.tenant) | {
            "tenant": event.tenant, "id": event.report, "known_by": BY_NOTICE, "at": event.recorded_at,
            "occurred_at": event.occurred_at, "raw": None, "raw_media_type": None, "traceparent": event.traceparent,
        }  # fmt: skip
        turn.changes.put("told", clean(row))
    opens = isinstance(event, ProblemOpened)
    first = _decided(turn, event, event.report, event.case, "opened" if opens else "repeated")
    _context(turn, event, event.report, event.thread, problem)
    known = event.thread
    row = _headline(problem) | {
        "tenant": event.tenant, "id": event.case, "at": event.recorded_at, "opened_at": event.recorded_at,
        "reopened_at": event.recorded_at if opens else None,
        "count": int(first),
        "first_report": event.report, "last_report": event.report, "thread_id": problem.thread_id or known.thread_id,
        "connection": problem.source.connection or known.connection,
        "record_type": problem.source.record_type or known.record_type,
        "record_id": problem.source.record_id or known.record_id, "resolved_at": None, "resolved_by": None,
        "resolved_why": None,
    }  # fmt: skip
    turn.changes.put("case", clean(row))


def suppressed(turn: Turn, event: ProblemSuppressed, taken: Taken) -> None:
    """Nobody is told of a report."""
    first = _decided(
        turn, event, event.report, event.case, "suppressed",
        reason=event.reason, survivor=event.survivor, detail=event.detail,
    )  # fmt: skip
    if first and event.case is not None:
        turn.changes.again(event.tenant, storable(event.case), event.recorded_at)


def unrouted(turn: Turn, event: ProblemUnrouted, taken: Taken) -> None:
    """No route took a report, and the default endpoint is told."""
    row = {"tenant": event.tenant, "id": event.report, "unrouted_to": event.endpoint}
    turn.changes.put("unrouted", clean(row | {"known_by": BY_DECISION, "at": event.recorded_at}))


def explained(turn: Turn, event: ProblemExplained, taken: Taken) -> None:
    """More became known of a report's thread."""
    _context(turn, event, event.report, event.thread, None)
    happened(turn, event, taken)


def promoted(turn: Turn, event: ProblemPromoted, taken: Taken) -> None:
    """A case is worse now, or better."""
    row = {"tenant": event.tenant, "id": event.case, "severity": event.severity_after.value}
    turn.changes.put("severity", clean(row))
    happened(turn, event, taken)


def resolved(turn: Turn, event: ProblemResolved, taken: Taken) -> None:
    """A case is over."""
    row = {
        "tenant": event.tenant, "id": event.case, "resolved_at": event.recorded_at, "resolved_by": event.by,
        "resolved_why": event.why,
    }  # fmt: skip
    turn.changes.put("resolved", clean(row))
    happened(turn, event, taken)


def digested(turn: Turn, event: ProblemsDigested, taken: Taken) -> None:
    """What was held back is told at once: that opens those of its cases of which nobody was told before."""
    for one in event.cases if event.endpoints else ():
        row = {
            "tenant": event.tenant, "id": one.case, "opened_at": event.recorded_at, "code": one.code,
            "code_key": one.code, "thread_id": one.thread, "connection": one.connection,
            "record_type": one.record_type, "record_id": one.record_id,
        }  # fmt: skip
        turn.changes.put("digested", clean(row))
    happened(turn, event, taken)


def happened(turn: Turn, event: EventBase, taken: Taken) -> None:
    """An event in the story of a case, or of none (a digest of several, a reply without a case)."""
    thread: Any = getattr(event, "thread", None)
    row = {
        "tenant": event.tenant, "id": event.event_id, "case_id": getattr(event, "case", None) or "",
        "at": event.recorded_at, "kind": type(event).__name__, "report": getattr(event, "report", None),
        "thread_id": getattr(event, "thread_id", None) or getattr(thread, "thread_id", None),
        "connection": getattr(event, "connection", None) or getattr(thread, "connection", None),
        "by": getattr(event, "by", None), "why": getattr(event, "why", None), "detail": _json(event),
    }  # fmt: skip
    turn.changes.put("case_event", clean(row))


def _decided(turn: Turn, event: EventBase, report: str, case: str | None, decision: str, **more: str | None) -> bool:
    """Whether nothing had been decided of the report before."""
    key = (event.tenant, report)
    first = key not in turn.known.decided
    if first:
        turn.known.decided.add(key)
        reason = more.get("reason")
        name = decision if reason is None else f"{decision}:{reason}"
        hour = event.recorded_at - event.recorded_at % HOUR
        turn.changes.count(event.tenant, "outcome", hour, storable(name))
    row: dict[str, Any] = {
        "tenant": event.tenant, "id": report, "known_by": BY_DECISION, "at": event.recorded_at, "case_id": case,
        "decision": decision, "decision_id": event.event_id, "reason": None, "survivor": None, "detail": None,
        "decided_at": event.recorded_at,
    }  # fmt: skip
    turn.changes.put("decision", clean(row | more))
    return first


def _context(turn: Turn, event: EventBase, report: str, context: ThreadContext, problem: Problem | None) -> None:
    own = None if problem is None else problem.source
    thread: str | None = context.thread_id
    if problem is not None and thread == problem.thread_id:
        # A report of DIDComm v2 is a thread of its own: who asks for the one that it is about finds it, too.
        thread = problem.parent_thread_id if problem.parent_thread_id != thread else None
    connection = context.connection if own is None or context.connection != own.connection else None
    same = own is not None and (context.record_type, context.record_id) == (own.record_type, own.record_id)
    row = {
        "tenant": event.tenant, "id": report, "known_by": BY_DECISION, "at": event.recorded_at,
        "context_at": event.recorded_at, "context": compact_json(context), "context_thread": thread,
        "context_connection": connection, "context_record_type": None if same else context.record_type,
        "context_record_id": None if same else context.record_id, "state": context.state,
        "state_after": context.state_after,
    }  # fmt: skip
    turn.changes.put("context", clean(row))


def _headline(problem: Problem) -> dict[str, Any]:
    http = problem.http
    title = problem.text or (http and (http.title or http.detail)) or next(iter(problem.localized.values()), None)
    return {
        "code": problem.code, "code_key": problem.code_key or problem.code, "dialect": problem.dialect,
        "severity": problem.severity.value, "title": None if title is None else title[:TITLE],
        "trust": problem.source.trust,
    }  # fmt: skip


def _content(problem: Problem, tenant: str) -> dict[str, Any]:
    source, http = problem.source, problem.http
    texts = [
        problem.code, problem.text, *problem.localized.values(), *problem.args,
        *(text for item in problem.items for text in (item.key, item.value)), *problem.fix_hint.values(),
        *((http.title, http.detail) if http else ()), source.service, source.sender, source.connection,
        source.record_id, source.job, problem.thread_id,
    ]  # fmt: skip
    return _headline(problem) | {
        "service": source.service, "wallet": source.wallet, "thread_id": problem.thread_id,
        "parent_thread_id": problem.parent_thread_id, "message_id": problem.message_id,
        "connection": source.connection, "sender": source.sender, "record_type": source.record_type,
        "record_id": source.record_id, "job": source.job, "conformant": problem.conformant,
        "document": compact_json(problem), "words": words_of(tenant, texts),
    }  # fmt: skip


HANDLERS: dict[type[Any], Any] = {
    ProblemReported: reported,
    ProblemOpened: told,
    ProblemRepeated: told,
    ProblemSuppressed: suppressed,
    ProblemUnrouted: unrouted,
    ProblemExplained: explained,
    ProblemPromoted: promoted,
    ProblemResolved: resolved,
    TimeoutNoticed: happened,
    ConflictNoticed: happened,
    ProblemsDigested: digested,
}
"""Event -> the function that makes its rows."""
