"""Owner, peer, operator: who of the endpoints may be told (REQUIREMENTS b.1 34 and 35, b.3 1; RELIABILITY 3.6).

An owner is told everything. A peer is never answered a problem report with a problem report, is told nothing when its
connection's trust is low or unknown, and not more than its budgets allow. Operators are also told of every shortage of
resources (`me.res`, H19).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.documents import can_say
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.last_word import is_last_word
from tocsin.streams.rules.loops.thread_budget import thread_in_trouble
from tocsin.streams.rules.promotion import promotable
from tocsin.streams.rules.routing.matching import fold_code, has_token_prefix
from tocsin.streams.rules.rulebook import RuleBook
from tocsin.streams.rules.spans import HOUR
from tocsin.streams.rules.state import PeerRow, row_key

TRUSTED = frozenset({"medium", "normal", "high", "verified"})
"""Words for a connection's trust with which its peer is told; any other word, or none, is low."""

REPORTS = frozenset({"didcomm-2.0", "aries-1.0", "hipe"})
"""Dialects in which peers report problems to us: such a report is not answered with one."""

RESOURCES = "me.res"


class Told(Struct, frozen=True):
    """Who may be told. `last_word` are peers that are told, once, that it was too much; `left_out` says why peers are
    told nothing."""

    endpoints: tuple[str, ...]
    last_word: tuple[str, ...] = ()
    left_out: str = ""


def for_audiences(heard: Heard, endpoints: tuple[str, ...], rows: Rows, config: DecideConfig) -> Told:
    """Of these endpoints, those that may be told; counts what peers are told."""
    book = config.book
    peers = tuple([name for name in endpoints if audience_of(name, book) == "peer"])
    if not peers:
        return Told(endpoints)
    others = tuple(name for name in endpoints if name not in peers)
    why = _why_not(heard, rows)
    sayable = tuple(name for name in peers if can_say(heard.problem, book.endpoints[name].body))
    if why or not sayable:
        return Told(others, left_out=why or "the dialect cannot say it")
    match _spend(heard, rows, config):
        case "told":
            return Told(tuple(name for name in endpoints if name in others or name in sayable))
        case "last_word":
            return Told(tuple(name for name in endpoints if name in others or name in sayable), sayable)
        case _:
            return Told(others, left_out="budget")


def note_end_of_thread(heard: Heard, rows: Rows, config: DecideConfig) -> None:
    """A peer whose last word on a thread this is has ended it: it is told nothing more of that thread (DIDComm v2,
    "Cascading Problems"). The others go on being told."""
    if heard.problem.dialect in REPORTS and is_last_word(heard.problem):
        key = _keys(heard)[1]
        row = _row(key, heard.now + config.thread_ttl, heard.now, rows)
        rows.put(key, msgspec.structs.replace(row, silent=True), rows.due(key) or row.until)


def audience_of(name: str, book: RuleBook) -> str:
    """The audience of an endpoint; one that is not there (any more) is nobody's peer."""
    endpoint = book.endpoints.get(name)
    return "owner" if endpoint is None else endpoint.audience


def operators_of(heard: Heard, book: RuleBook) -> tuple[str, ...]:
    """The operators, when this is a problem of resources, whatever its route."""
    if not has_token_prefix(fold_code(heard.problem.category or ""), RESOURCES):
        return ()
    return tuple(name for name, endpoint in book.endpoints.items() if endpoint.audience == "operator")


def _why_not(heard: Heard, rows: Rows) -> str:
    # An error that raises a warning of theirs is the one answer they are owed (DIDComm v2, "Replying to Warnings").
    if heard.problem.dialect in REPORTS and next(promotable(heard, rows), None) is None:
        return "a report is not answered with a report"
    if (heard.context.trust or "").casefold() not in TRUSTED:
        return "trust"
    return ""


def _spend(heard: Heard, rows: Rows, config: DecideConfig) -> Literal["told", "last_word", "silent"]:
    """Count one more on the budgets of the peer's hour and of the thread; `last_word`: one is crossed just now."""
    limits, now = config.book.limits_of(heard.tenant), heard.now
    hour_key, thread_key = _keys(heard)
    hour = _row(hour_key, now + HOUR, now, rows)
    thread = _row(thread_key, now + config.thread_ttl, now, rows)
    if hour.silent or thread.silent:
        return "silent"
    hour_over = bool(limits.peer_hour) and hour.count >= limits.peer_hour
    over = hour_over or (bool(limits.peer_thread) and thread.count >= limits.peer_thread)
    hour = msgspec.structs.replace(hour, count=hour.count + 1, silent=hour_over)
    rows.put(hour_key, hour, rows.due(hour_key) or hour.until)
    thread = msgspec.structs.replace(
        thread,
        count=thread.count + 1,
        until=now + config.thread_ttl,
        silent=over or is_last_word(heard.problem),
    )
    rows.put(thread_key, thread, rows.due(thread_key) or thread.until)
    return "last_word" if over else "told"


def _keys(heard: Heard) -> tuple[str, str]:
    # what has no thread is counted as one thread: a peer could otherwise be told without end
    peer, thread = heard.peer or "", thread_in_trouble(heard) or heard.problem.thread_id or ""
    return row_key("peer", heard.tenant, "hour", peer), row_key("peer", heard.tenant, "thread", peer, thread)


def _row(key: str, until: int, now: int, rows: Rows) -> PeerRow:
    row = rows.get(key)
    return row if isinstance(row, PeerRow) and now < row.until else PeerRow(0, now, until)
