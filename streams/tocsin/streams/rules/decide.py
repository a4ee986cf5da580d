"""What becomes of everything in `inbox`: enrich, dedupe, route, ask for deliveries.

Every problem that is reported ends in exactly one of three ways, and each is an event on `problems`: suppressed
(ProblemSuppressed with a reason), unrouted (ProblemOpened or ProblemRepeated without endpoints, and ProblemUnrouted:
the default endpoint is told) or routed (ProblemOpened or ProblemRepeated with endpoints).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    ConflictNoticed,
    DeliveryRequested,
    Event,
    ProblemReported,
    ProblemSuppressed,
    ProblemUnrouted,
    Tick,
)
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.cases import case_of, open_or_repeat, survivor_of
from tocsin.streams.rules.command import apply_kept, command, forget
from tocsin.streams.rules.decision import DELIVERIES, INBOX, PROBLEMS, DeadLetter, Decision, Emit
from tocsin.streams.rules.dedupe import CONFLICT, SAME_EVENT_ID, Conflict, New, Repeat, digest_of, judge
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.enrich import enrich, observe
from tocsin.streams.rules.notification import CONTENT_TYPE, MAX_BODY, Notice, notification
from tocsin.streams.rules.route import Routing, route
from tocsin.streams.rules.rows import CaseRow, KeptCommand, SeenRow, ThreadRow, row_key
from tocsin.streams.rules.rulebook import RuleBook
from tocsin.streams.rules.spans import DAY, HOUR


class DecideConfig(Struct, frozen=True, kw_only=True):
    """What the rules of `decide` may be told besides the event. Times in microseconds."""

    book: RuleBook
    public_url: str | None = None
    """Address of the gateway, for the links in notifications."""
    dedupe_window: int = HOUR
    """For how long the same event id is a repeat, and another body under it is noticed as a conflict. Of the first and
    the last report of a case it is a repeat for as long as the case is remembered."""
    thread_ttl: int = 7 * DAY
    """A thread is forgotten when nothing was heard of it for this long (at most twice as long)."""
    case_ttl: int = 30 * DAY
    """The same for a case."""
    kept_ttl: int = DAY
    """For how long a command waits for what it is about."""
    bodies: int = 1_000_000
    """Bytes that all bodies about one problem may have together; the engine bounds the output of one event."""


def decide(event: Event, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The decisions about one event of `inbox`; changes `rows`. `now` is its append time in microseconds."""
    match event:
        case ProblemReported():
            return _report(event, rows, now, config)
        case ActivityObserved():
            observe(event, rows, now, config.thread_ttl)
            return []
        case CommandIssued():
            return command(event, rows, now, config.kept_ttl)
        case Tick():
            return []
        case _:
            detail = f"{type(event).__name__} does not belong on inbox"
            return [DeadLetter(stage="decide", reason="wrong_topic", detail=detail, topic=INBOX, key=event.tenant)]


def _report(report: ProblemReported, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    key = row_key("seen", report.tenant, report.event_id)
    seen = rows.get(key)
    digest = digest_of(report)
    verdict = judge(seen if isinstance(seen, SeenRow) else None, digest, now, config.dedupe_window)
    if isinstance(verdict, New):
        survivor = survivor_of(report, rows)
        if survivor is None:
            return _accept(report, digest, rows, now, config)
        seen, verdict = SeenRow(digest, now, case_of(report), survivor), Repeat(survivor)
        rows.put(key, seen, now + config.dedupe_window)
    assert isinstance(seen, SeenRow)
    again = msgspec.structs.replace(seen, repeats=seen.repeats + 1)
    rows.put(key, again, rows.due(key))
    return _suppress(report, verdict, again, digest, now)


def _suppress(
    report: ProblemReported, verdict: Repeat | Conflict, seen: SeenRow, digest: str, now: int
) -> list[Decision]:
    # The count is part of the id because each further copy is a suppression of its own, or the sums would not balance.
    copy = f"{seen.at}.{seen.repeats}"
    suppressed = ProblemSuppressed(
        **about(report, derived_id("suppressed", report.event_id, copy), now),
        case=seen.case,
        report=report.event_id,
        reason=CONFLICT if isinstance(verdict, Conflict) else SAME_EVENT_ID,
        survivor=verdict.survivor,
    )
    decisions: list[Decision] = [Emit(PROBLEMS, seen.case, suppressed)]
    if isinstance(verdict, Conflict):
        conflict = ConflictNoticed(
            **about(report, derived_id("conflict", report.event_id, copy), now),
            case=seen.case,
            report=report.event_id,
            first_digest=verdict.first_digest,
            second_digest=digest,
        )
        decisions.insert(0, Emit(PROBLEMS, seen.case, conflict))
    return decisions


def _accept(report: ProblemReported, digest: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    thread = enrich(report.problem, report.tenant, rows, now, config.thread_ttl)
    routing = route(config.book, report.problem, report.tenant)
    notice = open_or_repeat(report, thread, routing, rows, now, config.case_ttl)
    seen = SeenRow(digest, now, notice.case, notice.event_id)
    rows.put(row_key("seen", report.tenant, report.event_id), seen, now + config.dedupe_window)
    decisions: list[Decision] = [Emit(PROBLEMS, notice.case, notice)]
    if routing.unrouted:
        unrouted = ProblemUnrouted(
            **about(report, derived_id("unrouted", report.event_id), now),
            case=notice.case,
            report=report.event_id,
            endpoint=routing.endpoints[0],
        )
        decisions.append(Emit(PROBLEMS, notice.case, unrouted))
    decisions += _deliveries(report, notice, routing, now, config)
    return decisions + apply_kept(report, notice.case, rows, now)


def _deliveries(
    report: ProblemReported, notice: Notice, routing: Routing, now: int, config: DecideConfig
) -> list[Decision]:
    limit = min(MAX_BODY, config.bodies // len(routing.endpoints))
    body = notification(notice, report.occurred_at, config.public_url, limit)
    thread_id = report.problem.thread_id
    decisions: list[Decision] = []
    for endpoint in routing.endpoints:
        delivery_id = derived_id("delivery", report.event_id, endpoint)
        request = DeliveryRequested(
            **about(notice, delivery_id, now),
            delivery_id=delivery_id,
            endpoint=endpoint,
            lane=None if not thread_id else f"{report.tenant}/{thread_id}",
            case=notice.case,
            about=report.event_id,
            content_type=CONTENT_TYPE,
            body=body,
        )
        decisions.append(Emit(DELIVERIES, endpoint, request))
    return decisions


def fire(key: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The timer of row `key` is due by `now`: prolong a row that was used meanwhile, delete any other."""
    row = rows.get(key)
    last = _used_until(row, config)
    if last > now:
        rows.put(key, row, last)
        return []
    rows.delete(key)
    return [forget(row)] if isinstance(row, KeptCommand) else []


def _used_until(row: object, config: DecideConfig) -> int:
    # Rows of threads and cases are not given a later timer at each use: that would grow the timer heap with traffic.
    if isinstance(row, ThreadRow):
        return row.last_seen + config.thread_ttl
    if isinstance(row, CaseRow):
        return row.last_seen + config.case_ttl
    return 0
