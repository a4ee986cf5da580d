"""Digests: what was held back in a window is told at its end, with counts.

Three stages share this: `identical`, `mute` and `group`. A window is a row `digest/<tenant>/<group>`; `group` is the
stage's and must be the same for what belongs together.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.notification import DIGEST
from tocsin.schemas.events import DigestedCase, ProblemsDigested
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.cases import open_by_digest
from tocsin.streams.rules.context.threads import MAX_CODE, clip, is_muted, linkable
from tocsin.streams.rules.decision import PROBLEMS
from tocsin.streams.rules.facts import Facts, hops_of
from tocsin.streams.rules.notification import timestamp
from tocsin.streams.rules.notify import notify
from tocsin.streams.rules.problem_bytes import problem_bytes, problem_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import DIGEST_CASES, DigestCase, DigestRow, SeenRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason

DIGEST_ENDPOINTS = 100
"""How many endpoints one digest is told to, at most: as many as a rules file may have."""


SUBJECT = ("connection", "record_type", "record_id", "job", "instance")
"""What the reports of one case may differ in. Not the thread: where there is one it is that of the case."""


class Window(Struct, frozen=True, kw_only=True):
    """A time in which what belongs to `group` waits for a digest to `endpoints`, until `until` (microseconds); with
    `interval` (microseconds) the next window opens whenever a digest was told. `why` is the reason of suppression."""

    group: str
    why: Reason
    endpoints: tuple[str, ...]
    until: int
    route: str = ""
    interval: int = 0


def window_of(turn: Turn, group: str) -> DigestRow | None:
    """The group's window, None when there is none or it is over (its digest is about to be told)."""
    row = turn.digests.find(group)
    return row if row is not None and turn.now < row.until else None


def open_window(turn: Turn, report: Report, window: Window, represented_by: str) -> None:
    """The event `represented_by` was told to the window's endpoints: what follows in its group can be held back. What
    an earlier window still holds back is told when that was due."""
    key = turn.digests.key(window.group)
    row = turn.digests.get(key)
    if row is not None and row.count:
        row = msgspec.structs.replace(row, represented_by=represented_by, endpoints=window.endpoints)
        turn.digests.replace(key, row)
    else:
        turn.digests.put(key, _opened(turn, report, window, represented_by), window.until)


def hold_back(turn: Turn, report: Report, window: Window) -> str:
    """Count a problem of which the window's endpoints are not told now but in the digest at its end; the window opens
    if there was none. Returns the event that stands for it: what was told when the window opened, else the digest to
    come."""
    key = turn.digests.key(window.group)
    row = turn.digests.get(key) or _opened(turn, report, window, "")
    thread = linkable(report.thread)
    cases, listed = _counted(row.cases, report)
    row = msgspec.structs.replace(
        row,
        endpoints=tuple(dict.fromkeys((*row.endpoints, *window.endpoints)))[:DIGEST_ENDPOINTS],
        count=row.count + 1,
        cases=cases,
        more=row.more + (not listed),
        thread=thread if not row.count or thread == row.thread else None,
        problem=problem_bytes(report.problem),
        case=report.case,
    )
    turn.digests.keep(key, row, row.until)
    return row.represented_by or digest_id(row)


def digest_id(row: DigestRow) -> str:
    """The event id of the digest that ends this window."""
    return derived_id("digested", row.tenant, row.group, row.cause or "", str(row.since))


def _go_on(turn: Turn, key: str, row: DigestRow, digest: str) -> None:
    """The next window of a group, which this digest stands for until then; any other has none."""
    if not row.interval:
        turn.digests.delete(key)
        return
    following = msgspec.structs.replace(
        row, since=turn.now, until=turn.now + row.interval, represented_by=digest, count=0, cases=(), more=0,
        thread=None, problem=b"", case="", cause=digest,
    )  # fmt: skip
    turn.digests.put(key, following, following.until)


def digest_due(turn: Turn, key: str, row: DigestRow) -> None:
    """The window of a digest is over: tell what was held back, or forget the row when there was nothing.

    A thread that was muted in the meantime stays silent: the digest is an event, and no notification. Nor is there one
    to peers, and to endpoints that take a dialect's documents: they are told single problems.
    """
    if not row.count:
        turn.digests.delete(key)
        return
    muted = row.thread is not None and is_muted(turn, row.thread)
    endpoints = () if muted else turn.config.book.notification_readers(row.endpoints)
    digest = ProblemsDigested(
        event_id=digest_id(row),
        tenant=row.tenant,
        occurred_at=turn.now,
        recorded_at=turn.now,
        cause=row.cause,
        traceparent=row.traceparent,
        group=row.group,
        why=row.why,
        route=row.route or None,
        since=row.since,
        until=row.until,
        count=row.count,
        cases=[DigestedCase(**msgspec.structs.asdict(one)) for one in row.cases],
        more=row.more,
        endpoints=list(endpoints),
    )  # fmt: skip
    _go_on(turn, key, row, digest.event_id)
    if endpoints:
        answerable(turn, digest, row.case)
        open_by_digest(turn, digest, row.thread)
    turn.emit(PROBLEMS, row.group, digest)
    notify_of_digest(turn, digest, row.case, row.thread, problem_of(row.problem), row.represented_by)


def notify_of_digest(
    turn: Turn, digest: ProblemsDigested, case: str, thread: str | None, problem: Problem, represented_by: str
) -> None:
    """One notification `problem.digest` to each of the digest's endpoints, with the last problem and its case."""
    hops = hops_of(problem)
    data = ({"hops": hops} if hops else {}) | {
        "event_id": digest.event_id,
        "tenant": digest.tenant,
        "case": case,
        "group": digest.group,
        "why": digest.why,
        "route": digest.route,
        "since": timestamp(digest.since),
        "until": timestamp(digest.until),
        "count": digest.count,
        "cases": [
            {name: value for name, value in msgspec.structs.asdict(one).items() if value is not None}
            for one in digest.cases
        ],
        "more": digest.more,
        "survivor": represented_by or None,
        "problem": problem,
    }
    notify(
        turn, digest, DIGEST, digest.endpoints, data, about=digest.event_id, case=case or None, thread=thread
    )  # fmt: skip


def answerable(turn: Turn, digest: ProblemsDigested, case: str) -> None:
    """Somebody is told this digest now: for `config.kept_ttl` a command may name its id, which stands for `case`, the
    last one it tells of, and each report that it lists, which stands for its own."""
    named = [(one.last_report, one.case) for one in digest.cases]
    if case:
        named.append((digest.event_id, case))
    for event_id, target in named:
        key = turn.seen.key(event_id)
        # One that is not there is as old as dedupe knows nothing of: it says nothing of the report's body.
        unknown = SeenRow("", turn.now - turn.config.dedupe_window, target, digest.event_id)
        due = max(turn.seen.due(key) or 0, turn.now + turn.config.kept_ttl)
        turn.seen.put(key, turn.seen.get(key) or unknown, due)


def _opened(turn: Turn, report: Report, window: Window, represented_by: str) -> DigestRow:
    return DigestRow(
        tenant=report.tenant,
        group=window.group,
        why=window.why.value,
        since=turn.now,
        until=window.until,
        represented_by=represented_by,
        endpoints=window.endpoints[:DIGEST_ENDPOINTS],
        route=window.route,
        cause=report.event.event_id,
        traceparent=report.event.traceparent,
        interval=window.interval,
    )


def _counted(cases: tuple[DigestCase, ...], report: Report) -> tuple[tuple[DigestCase, ...], bool]:
    """The list with this report counted, and whether it has a place there: one for each thing that a case is about."""
    one = _entry(report)
    for place, known in enumerate(cases):
        if known.case == one.case and _about(known) == _about(one):
            again = msgspec.structs.replace(one, count=known.count + 1)
            return (*cases[:place], again, *cases[place + 1 :]), True
    return (cases, False) if len(cases) >= DIGEST_CASES else ((*cases, one), True)


def _entry(report: Report) -> DigestCase:
    code, thread = report.problem.code[:MAX_CODE], report.thread or report.problem.thread_id
    return DigestCase(report.case, code, 1, report.event.event_id, clip(thread), *subject_of(report.facts))


def subject_of(facts: Facts) -> tuple[str | None, ...]:
    """What a problem is about besides its thread, each clipped, in the order of SUBJECT."""
    return tuple([clip(facts.get(name)) for name in SUBJECT])


_about = attrgetter(*SUBJECT)
