"""Which state of a record is its last one, whatever order its states came in."""

from __future__ import annotations

import pytest

from tests.harness.projected import TIME
from tests.harness.stored import take_up
from tocsin.connectors.store import Store, address_of
from tocsin.schemas.events import ActivityKind, ActivityObserved

SECOND = 1_000_000


def changed(number: int, state: str | None, occurred_at: int) -> ActivityObserved:
    """The state of the record r, as it was told in this place and happened so many seconds later."""
    return ActivityObserved(
        event_id=f"a{number}", tenant="acme", occurred_at=TIME + occurred_at * SECOND, recorded_at=TIME + number,
        kind=ActivityKind.RECORD_CHANGED, record_type="issuance", record_id="r", record_state=state,
    )  # fmt: skip


# states and when they happened, in the order in which they came -> the last one
ORDERS: dict[str, tuple[list[tuple[str | None, int]], str | None]] = {
    "in order": ([("offer-sent", 1), ("done", 2)], "done"),
    "the last one first": ([("done", 2), ("offer-sent", 1)], "done"),
    "at one time": ([("offer-sent", 1), ("done", 1)], "done"),
    "one without a state": ([("done", 2), (None, 3)], "done"),
    "none with a state": ([(None, 1)], None),
}


@pytest.mark.parametrize(("states", "last"), ORDERS.values(), ids=ORDERS)
async def test_the_last_state_is_that_of_the_records_own_clock(
    address: str, states: list[tuple[str | None, int]], last: str | None
) -> None:
    told = [changed(number, *state) for number, state in enumerate(states)]
    await take_up(address, [("inbox", "acme", one) for one in told])
    async with Store(address_of(address)) as store:
        record = await store.reader("acme").record("issuance", "r")
    assert record is not None
    assert record.row is not None
    assert record.row.state == last
