"""Questions about peers: what they send and which rules it breaks, how long their answers take, and which loops were
stopped. A peer is who sent a report as far as it says so, else its connection. Every question looks at a bounded number
of rows, the newest ones, and says when there were more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, func, text

from tocsin.connectors.store.loops import LOOP_REASONS, STOPPED
from tocsin.connectors.store.queries.numbers import MOST_COUNTS, peers
from tocsin.connectors.store.scope import Scope
from tocsin.connectors.store.structs import Activity, CaseEvent
from tocsin.connectors.store.tables import (
    activity,
    case_events,
    connections,
    problems,
    violations,
)

MOST_PEERS = 200
"""Peers that a list has."""
MOST_REPORTS = 5000
"""Reports of one peer, and reports that were held back, that are looked at."""
LOOKED_THROUGH = 50_000
"""Of the newest reports of all peers, for the list of peers."""
MOST_CONNECTIONS = 20
MOST_MESSAGES = 4000
MOST_TIMEOUTS = 200

_OF_LOOP = (
    "id", "at", "reason", "thread_id", "context_thread", "connection", "context_connection", "sender", "code",
)  # fmt: skip
_STOPPED = cast(ColumnElement[bool], text(STOPPED))
"""To the letter as the partial index says it: else neither database takes it for that."""


class PeerLine(Struct, frozen=True):
    """A peer as lists show it, since a time: how many reports are of it, how many rules they broke, when the last one
    came. An empty name is of reports of which nobody says who sent them."""

    peer: str
    reports: int
    count: int
    last_at: int | None


class Sent(Struct, frozen=True):
    """A report of a peer, without its content."""

    id: str
    at: int
    code: str | None
    dialect: str | None
    connection: str | None
    thread_id: str | None
    decision: str | None
    reason: str | None


class Stopped(Struct, frozen=True):
    """What went round in circles and was stopped: `count` reports of one thread (or connection, where they name none)
    were held back for this reason."""

    reason: str
    thread: str | None
    connection: str | None
    sender: str | None
    code: str | None
    count: int
    first_at: int
    last_at: int
    last_id: str


class StoppedLoops(Struct, frozen=True):
    """Those that came last first; `looked_at` reports were held back, `whole` says whether these are all."""

    loops: list[Stopped]
    looked_at: int
    whole: bool


class OfPeer(Struct, frozen=True):
    """What is known of a peer: its newest reports, its connections by these, the messages on them (the oldest first),
    and the replies that did not come."""

    sent: list[Sent]
    connections: list[str]
    messages: list[Activity]
    timeouts: list[CaseEvent]


def of_peer(scope: Scope, peer: str, since: int) -> OfPeer:
    """What is known of a peer since a time."""
    sent = sent_by(scope, peer, since)
    named = list(dict.fromkeys(one.connection for one in sent if one.connection))
    if peer not in named and scope.rows([connections.c.id], connections, connections.c.id == peer, limit=1):
        named.append(peer)
    return OfPeer(sent, named, messages_on(scope, named, since), timeouts_on(scope, named, since))


def is_known(scope: Scope, peer: str) -> bool:
    """Whether anything is known of a peer."""
    ways = (
        (problems, problems.c.sender == peer),
        (problems, problems.c.connection == peer),
        (violations, violations.c.peer == peer),
        (connections, connections.c.id == peer),
    )
    return any(scope.rows([table.c.tenant], table, where, limit=1) for table, where in ways)


def peer_lines(scope: Scope, since: int) -> list[PeerLine]:
    """The peers that sent most, and those that broke most rules, since the beginning of a day; these first. Reports are
    counted among the newest LOOKED_THROUGH."""
    broken = dict(peers(scope, since, MOST_PEERS))
    newest, total = scope.latest(problems, problems.c.at >= since, most=LOOKED_THROUGH), func.count()
    sent, by_connection = (
        {
            name: (int(count), int(last))
            for name, count, last in scope.rows(
                [column, total, func.max(newest.c.at)], newest, *where,
                group=[column], order=[total.desc(), column], limit=MOST_COUNTS,
            )
        }
        for column, where in (
            (newest.c.sender, [newest.c.sender.is_not(None)]),
            (newest.c.connection, [newest.c.connection.in_(list(broken))]),
        )
    )  # fmt: skip
    found = [PeerLine(name, count, broken.get(name, 0), last) for name, (count, last) in sent.items()]
    for name in broken.keys() - sent.keys():
        count, last = by_connection.get(name, (0, None)) if name else (broken[name], _last_of_nobody(scope))
        found.append(PeerLine(name, count, broken[name], last))
    return sorted(found, key=lambda one: (-one.count, -one.reports, one.peer))


def _last_of_nobody(scope: Scope) -> int | None:
    """When the last report came of which nobody says who sent it."""
    [(last,)] = scope.rows([func.max(violations.c.last_at)], violations, violations.c.peer == "")
    return None if last is None else int(last)


def sent_by(scope: Scope, peer: str, since: int) -> list[Sent]:
    """The newest MOST_REPORTS reports of a peer since a time."""
    ways = (problems.c.sender == peer, problems.c.connection == peer)
    found = {
        one.id: one
        for way in ways
        for one in scope.newest(Sent, problems, way, problems.c.at >= since, before=None, limit=MOST_REPORTS)
    }
    return sorted(found.values(), key=lambda one: (one.at, one.id), reverse=True)[:MOST_REPORTS]


def messages_on(scope: Scope, connection_ids: Iterable[str], since: int) -> list[Activity]:
    """The newest messages on connections, the oldest first."""
    ids = list(connection_ids)[:MOST_CONNECTIONS]
    found: list[Activity] = []
    for one in ids:
        found += scope.newest(
            Activity, activity, activity.c.connection == one, activity.c.at >= since, before=None,
            limit=MOST_MESSAGES // len(ids),
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.at, one.id))


def timeouts_on(scope: Scope, connection_ids: Iterable[str], since: int) -> list[CaseEvent]:
    """The newest replies that did not come, on connections."""
    found: list[CaseEvent] = []
    for one in list(connection_ids)[:MOST_CONNECTIONS]:
        found += scope.newest(
            CaseEvent, case_events, case_events.c.connection == one, case_events.c.at >= since,
            case_events.c.kind == "TimeoutNoticed", before=None, limit=MOST_TIMEOUTS,
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:MOST_TIMEOUTS]


def stopped_loops(scope: Scope, since: int) -> StoppedLoops:
    """The loops that were stopped since a time, by the newest MOST_REPORTS reports that were held back."""
    rows: list[Any] = []
    for reason in LOOP_REASONS:
        rows += scope.rows(
            [problems.c[name] for name in _OF_LOOP], problems, problems.c.reason == reason, _STOPPED,
            problems.c.at >= since, order=[problems.c.at.desc(), problems.c.id.desc()], limit=MOST_REPORTS + 1,
        )  # fmt: skip
    rows.sort(key=lambda row: (row.at, row.id), reverse=True)
    loops: dict[tuple[str, str | None, str | None], Stopped] = {}
    for ident, at, reason, thread, context_thread, connection, context_connection, sender, code in rows[:MOST_REPORTS]:
        thread, connection = context_thread or thread, connection or context_connection
        key = (reason, thread, None if thread else connection)
        known = loops.get(key)
        if known is None:
            loops[key] = Stopped(reason, thread, connection, sender, code, 1, at, at, ident)
        else:
            loops[key] = Stopped(
                reason, thread, known.connection or connection, known.sender or sender, known.code, known.count + 1,
                min(known.first_at, at), known.last_at, known.last_id,
            )  # fmt: skip
    return StoppedLoops(list(loops.values()), min(len(rows), MOST_REPORTS), len(rows) <= MOST_REPORTS)
