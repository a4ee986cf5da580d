"""How long a reply may take: learned per tenant and message type from those that came (docs/requirements.md#h22)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.streams.rules.context.threads import MAX_TEXT
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.state import ConnectionRow, ExpectationRow, LatencyRow
from tocsin.streams.rules.timeouts.quantile import WINDOW, quantile_of, with_latency
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import DAY

LATENCY_TTL = 90 * DAY
"""How long latencies are remembered without use (at least half of it)."""

UNANSWERED_TTL = 7 * DAY
"""The same for a type that never got a reply: there may be any number of those."""

MOSTLY = 9
"""A type counts as one that is replied to when it had at least so many replies for each message without one."""

MOST_REPLIES = 100
"""Replies over one connection that are counted: what matters is that there were any, and each is a row written."""


class Expected(Struct, frozen=True):
    """How long a reply may take (microseconds), and whether that comes from replies that were seen."""

    after: int
    learned: bool


def expected_for(turn: Turn, row: ExpectationRow, policy: TimeoutPolicy) -> Expected | None:
    """The time-out for a message, None while it has none.

    A connection over which no reply ever came is a first contact, and waits unless the policy says how long
    (`unlearned`); so does a type of which too few replies were seen.
    """
    latencies = turn.latencies.get(_key(turn, row.message_type))
    if latencies is None or latencies.count < policy.samples:
        return None if policy.unlearned is None else Expected(_bounded(policy.unlearned, policy), False)
    learned = _bounded(int(policy.factor * quantile_of(latencies.buckets, policy.quantile)), policy)
    if row.connection is None or _has_replied(turn, row.connection):
        return Expected(learned, True)
    return None if policy.unlearned is None else Expected(max(learned, _bounded(policy.unlearned, policy)), True)


def is_replied_to(turn: Turn, message_type: str, policy: TimeoutPolicy) -> bool:
    """Whether replies to this type were learned, and nearly always came: nobody owes an answer to a chat message."""
    row = turn.latencies.get(_key(turn, message_type))
    return row is not None and row.count >= policy.samples and row.unanswered * MOSTLY <= row.count


def note_latency(turn: Turn, message_type: str, latency: int) -> None:
    """A reply to a message of this type came after `latency` microseconds."""
    key = _key(turn, message_type)
    row = turn.latencies.get(key) or LatencyRow(0, turn.now)
    buckets = with_latency(row.buckets, max(latency, 0))
    _keep(turn, key, msgspec.structs.replace(row, count=row.count + 1, last_seen=turn.now, buckets=buckets))


def note_unanswered(turn: Turn, message_type: str) -> None:
    """No reply came to a message: what is only known to want one from replies is then soon not expected any more."""
    key = _key(turn, message_type)
    row = turn.latencies.get(key) or LatencyRow(0, turn.now)
    if row.unanswered >= WINDOW:
        # Half of both, so that a type whose receivers begin to reply is noticed.
        row = msgspec.structs.replace(row, count=row.count // 2, unanswered=row.unanswered // 2)
    _keep(turn, key, msgspec.structs.replace(row, last_seen=turn.now, unanswered=row.unanswered + 1))


def note_reply_over(turn: Turn, connection: str) -> None:
    """A reply came over this connection: it is no first contact any more."""
    key = turn.connections.key(connection)
    row = turn.connections.get(key) or ConnectionRow(turn.now)
    if row.replies < MOST_REPLIES:
        row = msgspec.structs.replace(row, last_seen=turn.now, replies=row.replies + 1)
        turn.connections.keep(key, row, turn.now + turn.config.thread_ttl)


def _keep(turn: Turn, key: str, row: LatencyRow) -> None:
    due = turn.latencies.due(key)
    # Not a later timer at each use: that would grow the timer heap with traffic.
    ttl = LATENCY_TTL if row.count else UNANSWERED_TTL
    if due is None or due - turn.now < ttl // 2:
        due = turn.now + ttl
    turn.latencies.put(key, row, due)


def _key(turn: Turn, message_type: str) -> str:
    return turn.latencies.key(message_type[:MAX_TEXT])


def _has_replied(turn: Turn, connection: str) -> bool:
    row = turn.connections.find(connection)
    return row is not None and row.replies > 0


def _bounded(wanted: int, policy: TimeoutPolicy) -> int:
    return max(min(wanted, policy.ceiling), policy.floor)
