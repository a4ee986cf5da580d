"""What rows count as in the metrics: cases that are open, deliveries that are pending, ...; and since when."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from tocsin.streams.rules.state.cases import is_open

OPEN_CASES, PENDING_DELIVERIES = "open_cases", "pending_deliveries"
ACTIVE_ESCALATIONS, LEARNED_TIMEOUTS = "active_escalations", "learned_timeouts"

_RESOLVED = b"resolved"


class _Case(Struct, array_like=True, tag="case", gc=False):
    """The beginning of a CaseRow."""

    count: Raw
    first_report: Raw
    last_report: Raw
    status: str
    first_seen: int


class _Delivery(Struct, array_like=True, tag="delivery", gc=False):
    """The beginning of a DeliveryRow. Its body may be large, and is passed over."""

    delivery_id: Raw
    endpoint: Raw
    tenant: Raw
    event_id: Raw
    lane: Raw
    case: Raw
    about: Raw
    content_type: Raw
    body: Raw
    replay: Raw
    occurred_at: Raw
    enqueued_at: int


class _Escalation(Struct, array_like=True, tag="escalation", gc=False):
    """The beginning of an EscalationRow. The problem behind it may be large, and is passed over."""

    tenant: Raw
    case: Raw
    policy: Raw
    report: Raw
    raised_at: int
    step: Raw
    done: Raw
    cycle: Raw
    status: str


class _Latency(Struct, array_like=True, tag="latency", gc=False):
    """The beginning of a LatencyRow."""

    count: int
    last_seen: int


_case, _delivery = msgspec.msgpack.Decoder(_Case), msgspec.msgpack.Decoder(_Delivery)
_escalation, _latency = msgspec.msgpack.Decoder(_Escalation), msgspec.msgpack.Decoder(_Latency)


def counted(key: str, data: bytes) -> tuple[str, int] | None:
    """What the row counts as and since when (microseconds), or None; a row that cannot be read counts as nothing. Rows
    are read at each round of the auditor, so most are told by their key alone."""
    try:
        if key.startswith("case/"):
            case = _case.decode(data)
            return (OPEN_CASES, case.first_seen) if is_open(case.status) else None
        if key.startswith("delivery/"):
            return PENDING_DELIVERIES, _delivery.decode(data).enqueued_at
        if key.startswith("escalation/"):
            escalation = _escalation.decode(data)
            running = escalation.status in ("running", "snoozed")
            return (ACTIVE_ESCALATIONS, escalation.raised_at) if running else None
        if key.startswith("latency/"):
            latency = _latency.decode(data)
            return (LEARNED_TIMEOUTS, latency.last_seen) if latency.count else None
    except msgspec.MsgspecError:  # a FinishedRow stands under the key of its delivery
        return None
    return None


def is_open_case(key: str, data: bytes) -> bool:
    """Whether the row of this key, `case/...`, is of a case that is open; one that cannot be read may be taken for one.
    The bytes of most cases say nowhere what a resolved one's say, and are not read."""
    try:
        return not data.partition(_RESOLVED)[1] or is_open(_case.decode(data).status)
    except msgspec.MsgspecError:
        return False
