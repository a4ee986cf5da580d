"""What rows count as in the metrics: cases that are open, deliveries that are pending; and since when."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from tocsin.streams.rules.state.cases import is_open

OPEN_CASES, PENDING_DELIVERIES = "open_cases", "pending_deliveries"


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


_case, _delivery = msgspec.msgpack.Decoder(_Case), msgspec.msgpack.Decoder(_Delivery)


def counted(key: str, data: bytes) -> tuple[str, int] | None:
    """What the row counts as and since when (microseconds), or None; a row that cannot be read counts as nothing. Rows
    are read at each round of the auditor, so most are told by their key alone."""
    try:
        if key.startswith("case/"):
            case = _case.decode(data)
            return (OPEN_CASES, case.first_seen) if is_open(case.status) else None
        if key.startswith("delivery/"):
            return PENDING_DELIVERIES, _delivery.decode(data).enqueued_at
    except msgspec.MsgspecError:  # a FinishedRow stands under the key of its delivery
        return None
    return None
