"""Whether an endpoint may be sent something now: its breaker, its throttle and its rate, as moves of its row.

All three are learned from outcomes alone, and none has a timer of its own: what may not be sent waits in the endpoint's
queue (`deliveries.py`), whose one timer is set for when the gate opens. No attempt is used up by waiting.

What waited is let go by outcomes and not by a clock: a few are under way at first, one more with each that is answered.
So an endpoint that is back gets as much as it takes, and one that falls silent again has been sent little.

The rate is strict at the receiver: an attempt has its place from when it is asked for until `per` after its outcome,
and it arrives somewhere in between. So however long a dispatcher takes, or was away, no `per` of time has more arrivals
than `count`, but for attempts that are made twice because their outcome was lost (docs/reliability.md#f6).
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from tocsin.connectors.outcomes import Reason
from tocsin.schemas.events import DeliveryOutcome, Outcome
from tocsin.streams.rules.delivery.schedule import MAX_RETRY_AFTER
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import EndpointRow, PeerEndpointRow
from tocsin.streams.rules.values import RateLimit

HELD_PEER = "held_peer"
"""What the row of a peer counts as that gets less than there is; followed by what holds it back, and the endpoint."""

_peer = msgspec.msgpack.Decoder(PeerEndpointRow)

OVERLOADED = frozenset((429, 502, 503, 504))
"""The HTTP statuses by which an endpoint, and not a delivery, asks for a pause (Standard Webhooks 1.0.0, and 503 of RFC
9110 15.6.4)."""

FIRST, MOST = 8, 64
"""How many of those that waited are under way at a time, at first and at most: as many as the dispatcher makes of an
endpoint, and as many as it has of a partition."""

GROUPS = 8
"""Into so many parts of its time the answers of a rate are grouped: that many numbers are remembered, about."""


def opens_at(state: EndpointRow, policy: DeliveryPolicy, now: int) -> int:
    """When the next attempt may be made, as far as is known now: at once, if that is not after `now`."""
    at = state.throttled_until
    if state.breaker != "closed" and policy.breaker_failures:
        at = max(at, state.probe_at)
    return at if policy.rate is None else max(at, _free_at(state, policy.rate, now))


def taken(state: EndpointRow, policy: DeliveryPolicy, now: int) -> EndpointRow:
    """An attempt is asked for. While the breaker is not closed it is a probe."""
    if state.breaker != "closed":
        state = replace(state, breaker="half_open", probe_at=now + policy.breaker_probe)
    return state if policy.rate is None else replace(state, under_way=state.under_way + 1)


def let_go(state: EndpointRow, policy: DeliveryPolicy, now: int) -> EndpointRow:
    """The same of one that waited."""
    return replace(taken(state, policy, now), let_go=state.let_go + 1)


def has_room(state: EndpointRow, policy: DeliveryPolicy) -> bool:
    """Whether one more of what waits may be under way; a probe always may, once it is due."""
    is_probe = state.breaker != "closed" and policy.breaker_failures
    return bool(is_probe) or state.let_go < min(FIRST + state.room, MOST)


def answered(state: EndpointRow, policy: DeliveryPolicy, now: int) -> EndpointRow:
    """An attempt had its outcome, or is waited for no longer."""
    rate, under_way = policy.rate, max(0, state.under_way - 1)
    if state.let_go:
        state = replace(state, let_go=state.let_go - 1)
    if rate is None:
        return replace(state, under_way=under_way, answered=()) if state.under_way or state.answered else state
    groups = [group for group in state.answered if group[0] + rate.per > now]
    width = max(1, rate.per // GROUPS)
    if groups and groups[-1][0] // width >= now // width:
        groups[-1] = (max(groups[-1][0], now), groups[-1][1] + 1)
    else:
        groups.append((now, 1))
    return replace(state, under_way=under_way, answered=tuple(groups))


def went_well(state: EndpointRow) -> EndpointRow:
    """An attempt went well: the breaker is closed. A pause that the endpoint asked for stays."""
    return replace(has_read(state), failures=0, failing_since=None, last_error="", missed=0, digests=0)


def has_read(state: EndpointRow) -> EndpointRow:
    """The endpoint is there and reads what it gets, whether it takes it or not: the breaker is closed."""
    return replace(state, unanswered=0, breaker="closed", probe_at=0, room=min(state.room + 1, MOST))


def is_refusal(outcome: DeliveryOutcome) -> bool:
    """Whether the other side has read this delivery and does not want it. What it answers to any delivery (401, 403,
    408, 429) is none, nor is what was never sent."""
    rejected = outcome.outcome is Outcome.REJECTED and 400 <= (outcome.status or 0) < 500
    return rejected or outcome.reason == Reason.CLIENT_ERROR


def not_asked(state: EndpointRow, now: int) -> EndpointRow:
    """Nothing was sent, for a reason of the delivery's own, which says nothing of the other side: a probe that it was
    is the next one's."""
    return replace(state, breaker="open", probe_at=now) if state.breaker == "half_open" else state


def went_wrong(state: EndpointRow, policy: DeliveryPolicy, now: int, outcome: DeliveryOutcome) -> EndpointRow:
    """An attempt went wrong in a way that may pass. Enough in a row, no answer between them, open the breaker, and some
    answers are a pause for the whole endpoint."""
    state = replace(state, unanswered=state.unanswered + 1)
    if outcome.status in OVERLOADED or outcome.reason == Reason.RATE_LIMITED:
        pause = max(policy.throttle, min(outcome.retry_after or 0, MAX_RETRY_AFTER))
        state = replace(state, throttled_until=max(state.throttled_until, now + pause), room=0)
    if state.breaker == "half_open":
        return replace(state, breaker="open")
    if state.breaker == "closed" and 0 < policy.breaker_failures <= state.unanswered:
        return replace(state, breaker="open", probe_at=now + policy.breaker_probe, room=0)
    return state


def holds_back(state: EndpointRow, now: int) -> bool:
    """Whether breaker or throttle keep something from the endpoint."""
    return state.breaker != "closed" or state.throttled_until > now


def held_by(state: EndpointRow, now: int) -> Literal["breaker", "throttle", "rate"] | None:
    """What keeps deliveries from an endpoint that is enabled; the rate only while some wait for it."""
    if state.status != "enabled":
        return None
    if state.breaker != "closed":
        return "breaker"
    if state.throttled_until > now:
        return "throttle"
    return "rate" if state.waiting and (state.under_way or state.answered) else None


def held_peer(data: bytes, now: int) -> tuple[str, int] | None:
    """For the metrics: by what the peer of an encoded row is held back, with the endpoint, and since when."""
    try:
        state = _peer.decode(data)
    except msgspec.MsgspecError:
        return None
    by = held_by(state, now)
    return None if by is None else (f"{HELD_PEER} {by} {state.endpoint}", state.since)


def is_idle(state: EndpointRow, policy: DeliveryPolicy, now: int) -> bool:
    """Whether nothing of the gate need be remembered."""
    busy = state.under_way or any(until + policy.rate.per > now for until, _ in state.answered if policy.rate)
    return not busy and state.breaker == "closed" and state.throttled_until <= now


def _free_at(state: EndpointRow, rate: RateLimit, now: int) -> int:
    """When the rate has a place again; while all are under way, when to look again."""
    recent = [group for group in state.answered if group[0] + rate.per > now]
    if state.under_way + sum(count for _, count in recent) < rate.count:
        return 0
    return recent[0][0] + rate.per if recent else now + rate.per
