"""Digests: what was held back in a window is told at its end, with counts.

Three rules share this: `identical` (rules.loops.identical), `muted` and `grouped` (rules.routing). A window is a row
`digest/<tenant>/<group>`; `group` is the caller's and must be the same for what belongs together.
"""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import DigestedCase, ProblemsDigested
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.cases import open_by_digest
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import linkable
from tocsin.streams.rules.decision import PROBLEMS, Decision, Emit
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.digest_letter import digest_letters
from tocsin.streams.rules.loops.digest_targets import remember_targets
from tocsin.streams.rules.loops.thread_budget import is_muted, thread_in_trouble
from tocsin.streams.rules.problem_bytes import problem_bytes
from tocsin.streams.rules.state import DIGEST_CASES, DigestCase, DigestRow, row_key

MAX_CODE = 128
"""Characters of a code in a digest."""

DIGEST_ENDPOINTS = 100
"""How many endpoints one digest is told to, at most: as many as a rules file may have."""


def window_of(tenant: str, group: str, rows: Rows, now: int) -> DigestRow | None:
    """The group's window, None when there is none or it is over (its digest is about to be told)."""
    row = rows.get(row_key("digest", tenant, group))
    return row if isinstance(row, DigestRow) and now < row.until else None


def open_window(
    heard: Heard,
    rows: Rows,
    *,
    group: str,
    why: str,
    survivor: str,
    endpoints: tuple[str, ...],
    until: int,
    route: str = "",
    interval: int = 0,
) -> None:
    """The event `survivor` was told to `endpoints`: what follows in `group` until `until` (microseconds) can be held
    back. With `interval` (microseconds) the next window opens whenever a digest was told. What an earlier window still
    holds back is told when that was due."""
    key = row_key("digest", heard.tenant, group)
    row = rows.get(key)
    if isinstance(row, DigestRow) and row.count:
        rows.put(key, msgspec.structs.replace(row, survivor=survivor, endpoints=endpoints), rows.due(key))
        return
    opened = _opened(heard, group, why, survivor, endpoints, until, route, interval)
    rows.put(key, opened, until)


def hold_back(
    heard: Heard,
    rows: Rows,
    *,
    group: str,
    why: str,
    endpoints: tuple[str, ...],
    until: int,
    survivor: str | None = None,
    route: str = "",
    interval: int = 0,
) -> str:
    """Count a problem that `endpoints` are not told now but in the digest of `group`, at the end of its window; there
    is one until `until` (microseconds) from now on if there was none. Returns the event that stands for it: what was
    told when the window opened (or `survivor`), else the digest to come."""
    key = row_key("digest", heard.tenant, group)
    row = rows.get(key)
    if not isinstance(row, DigestRow):
        row = _opened(heard, group, why, survivor or "", endpoints, until, route, interval)
    thread = linkable(thread_in_trouble(heard))
    cases, listed = _counted(row.cases, heard)
    row = msgspec.structs.replace(
        row,
        endpoints=tuple(dict.fromkeys((*row.endpoints, *endpoints)))[:DIGEST_ENDPOINTS],
        count=row.count + 1,
        cases=cases,
        more=row.more + (not listed),
        thread=thread if not row.count or thread == row.thread else None,
        problem=problem_bytes(heard.problem),
        case=heard.case,
    )
    rows.put(key, row, rows.due(key) or row.until)
    return row.survivor or digest_id(row)


def digest_id(row: DigestRow) -> str:
    """The event id of the digest that ends this window."""
    return derived_id("digested", row.tenant, row.group, row.cause or "", str(row.since))


def digest_due(key: str, row: DigestRow, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The window of a digest is over: tell what was held back, or forget the row when there was nothing.

    A thread that had its last word in the meantime stays silent: the digest is an event, and no letter. Nor is there
    one to peers, and to endpoints that take a dialect's documents: they are told single problems.
    """
    if not row.count:
        rows.delete(key)
        return []
    muted = row.thread is not None and is_muted(row.thread, row.tenant, rows)
    endpoints = () if muted else config.book.notification_readers(row.endpoints)
    digest = ProblemsDigested(
        event_id=digest_id(row),
        tenant=row.tenant,
        occurred_at=now,
        recorded_at=now,
        cause=row.cause,
        traceparent=row.traceparent,
        group=row.group,
        why=row.why,
        route=row.route or None,
        since=row.since,
        until=row.until,
        count=row.count,
        cases=[DigestedCase(case=one.case, code=one.code, count=one.count, last_report=one.last_report)
               for one in row.cases],
        more=row.more,
        endpoints=list(endpoints),
    )  # fmt: skip
    if row.interval:
        following = msgspec.structs.replace(
            row, since=now, until=now + row.interval, survivor=digest.event_id, count=0, cases=(), more=0,
            thread=None, problem=b"", case="", cause=digest.event_id,
        )  # fmt: skip
        rows.put(key, following, following.until)
    else:
        rows.delete(key)
    if endpoints:
        remember_targets(digest, row.case, rows, now, config)
        open_by_digest(digest, row.thread, rows, config.case_ttl)
    return [Emit(PROBLEMS, row.group, digest), *digest_letters(digest, row, config)]


def _opened(
    heard: Heard,
    group: str,
    why: str,
    survivor: str,
    endpoints: tuple[str, ...],
    until: int,
    route: str,
    interval: int,
) -> DigestRow:
    return DigestRow(
        tenant=heard.tenant,
        group=group,
        why=why,
        since=heard.now,
        until=until,
        survivor=survivor,
        endpoints=endpoints[:DIGEST_ENDPOINTS],
        route=route,
        cause=heard.report.event_id,
        traceparent=heard.report.traceparent,
        interval=interval,
    )


def _counted(cases: tuple[DigestCase, ...], heard: Heard) -> tuple[tuple[DigestCase, ...], bool]:
    """The list with this report counted, and whether its case has a place there."""
    report = heard.report.event_id
    for place, one in enumerate(cases):
        if one.case == heard.case:
            again = DigestCase(one.case, one.code, one.count + 1, report)
            return (*cases[:place], again, *cases[place + 1 :]), True
    if len(cases) >= DIGEST_CASES:
        return cases, False
    return (*cases, DigestCase(heard.case, heard.problem.code[:MAX_CODE], 1, report)), True
