"""How long a reply may take: learned from those that came, per tenant and message type (REQUIREMENTS H22, c 10)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.spans import DAY
from tocsin.streams.rules.state import ConnectionRow, LatencyRow, row_key
from tocsin.streams.rules.timeouts.quantile import WINDOW, quantile_of, with_latency

LATENCY_TTL = 90 * DAY
"""How long latencies are remembered without use (at least half of it)."""

UNANSWERED_TTL = 7 * DAY
"""The same for a type that never got a reply: there may be any number of those."""

MAX_TYPE = 255
"""Characters of a message type that are told apart."""

MOSTLY = 9
"""A type counts as one that is replied to when it had at least so many replies for each message without one."""


MOST_REPLIES = 100
"""Replies over one connection that are counted: what matters is that there were any, and each is a row written."""


class Expected(Struct, frozen=True):
    """How long a reply may take (microseconds), and whether that comes from replies that were seen."""

    after: int
    learned: bool


def expected_for(
    rows: Rows, tenant: str, message_type: str, connection: str | None, policy: TimeoutPolicy
) -> Expected | None:
    """The time-out for a message, None while it has none.

    A connection over which no reply ever came is a first contact, and waits unless the policy says how long
    (`unlearned`); so does a type of which too few replies were seen.
    """
    silent = connection is not None and not _has_replied(rows, tenant, connection)
    row = _latencies(rows, tenant, message_type)
    if row is None or row.count < policy.samples:
        return None if policy.unlearned is None else Expected(_bounded(policy.unlearned, policy), False)
    learned = _bounded(int(policy.factor * quantile_of(row.buckets, policy.quantile)), policy)
    if not silent:
        return Expected(learned, True)
    return None if policy.unlearned is None else Expected(max(learned, _bounded(policy.unlearned, policy)), True)


def is_replied_to(rows: Rows, tenant: str, message_type: str, policy: TimeoutPolicy) -> bool:
    """Whether replies to this type were learned, and nearly always came: nobody owes an answer to a chat message."""
    row = _latencies(rows, tenant, message_type)
    return row is not None and row.count >= policy.samples and row.unanswered * MOSTLY <= row.count


def note_latency(rows: Rows, tenant: str, message_type: str, latency: int, now: int) -> None:
    """A reply to a message of this type came after `latency` microseconds."""
    row = _latencies(rows, tenant, message_type) or LatencyRow(0, now)
    _keep(
        rows,
        tenant,
        message_type,
        msgspec.structs.replace(
            row, count=row.count + 1, last_seen=now, buckets=with_latency(row.buckets, max(latency, 0))
        ),
        now,
    )


def note_unanswered(rows: Rows, tenant: str, message_type: str, now: int) -> None:
    """No reply came to a message: what is only known to want one from replies is then soon not expected any more."""
    row = _latencies(rows, tenant, message_type) or LatencyRow(0, now)
    if row.unanswered >= WINDOW:
        # Half of both, so that a type whose receivers begin to reply is noticed.
        row = msgspec.structs.replace(row, count=row.count // 2, unanswered=row.unanswered // 2)
    _keep(rows, tenant, message_type, msgspec.structs.replace(row, last_seen=now, unanswered=row.unanswered + 1), now)


def note_reply_over(rows: Rows, tenant: str, connection: str, now: int, ttl: int) -> None:
    """A reply came over this connection: it is no first contact any more. `ttl` in microseconds."""
    key = row_key("connection", tenant, connection)
    row = rows.get(key)
    if not isinstance(row, ConnectionRow):
        row = ConnectionRow(now)
    if row.replies >= MOST_REPLIES:
        return
    row = msgspec.structs.replace(row, last_seen=now, replies=row.replies + 1)
    rows.put(key, row, rows.due(key) or now + ttl)


def _keep(rows: Rows, tenant: str, message_type: str, row: LatencyRow, now: int) -> None:
    key = _key(tenant, message_type)
    due = rows.due(key)
    # Not a later timer at each use: that would grow the timer heap with traffic.
    ttl = LATENCY_TTL if row.count else UNANSWERED_TTL
    if due is None or due - now < ttl // 2:
        due = now + ttl
    rows.put(key, row, due)


def _latencies(rows: Rows, tenant: str, message_type: str) -> LatencyRow | None:
    row = rows.get(_key(tenant, message_type))
    return row if isinstance(row, LatencyRow) else None


def _key(tenant: str, message_type: str) -> str:
    return row_key("latency", tenant, message_type[:MAX_TYPE])


def _has_replied(rows: Rows, tenant: str, connection: str) -> bool:
    row = rows.get(row_key("connection", tenant, connection))
    return isinstance(row, ConnectionRow) and row.replies > 0


def _bounded(wanted: int, policy: TimeoutPolicy) -> int:
    return max(min(wanted, policy.ceiling), policy.floor)
