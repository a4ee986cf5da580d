"""How far the dispatcher has come, as its outcomes say: one row for the whole partition."""

from __future__ import annotations

from tocsin.streams.rules.delivery.deliveries import Deliveries
from tocsin.streams.rules.state import DeliveryRow, DispatchRow, row_key

_DISPATCH = row_key("dispatch")


def note_progress(deliveries: Deliveries, row: DeliveryRow) -> None:
    """An attempt of the delivery had its outcome: the dispatcher works, and has come as far as that."""
    came_to = _progress(deliveries)
    asked_at = row.asked_at if came_to is None else max(came_to.asked_at, row.asked_at)
    due = deliveries.rows.due(_DISPATCH) or deliveries.now + deliveries.config.max_lease
    deliveries.rows.put(_DISPATCH, DispatchRow(deliveries.now, asked_at), due)


def keep_progress(deliveries: Deliveries, row: DispatchRow) -> None:
    """Its timer is due: keep it for as long as it can still say something of a lease."""
    until = row.answered_at + deliveries.config.max_lease
    if until > deliveries.now:
        deliveries.rows.put(_DISPATCH, row, until)
    else:
        deliveries.rows.delete(_DISPATCH)


def waits_its_turn(deliveries: Deliveries, row: DeliveryRow) -> bool:
    """Whether the attempt that is in flight is still before the dispatcher, as far as is known: outcomes come, but
    not yet of attempts that were asked for after it. No longer than the dispatcher makes an attempt at all."""
    came_to = _progress(deliveries)
    if came_to is None or deliveries.now - row.asked_at >= deliveries.config.max_lease:
        return False
    works = deliveries.now - came_to.answered_at < deliveries.config.lease
    return works and came_to.asked_at < row.asked_at + deliveries.config.in_hand


def _progress(deliveries: Deliveries) -> DispatchRow | None:
    row = deliveries.rows.get(_DISPATCH)
    return row if type(row) is DispatchRow else None
