"""What rows count as in the metrics: by the rows as they are written."""

from __future__ import annotations

import pytest

from tocsin.streams.rules.state import CaseRow, DeliveryRow, FinishedRow, Row, encode_row
from tocsin.streams.rules.state.counted import counted, is_open_case

DELIVERY = DeliveryRow("d", "e", "t", "v", None, None, "ProblemOpened", "text/plain", b"body" * 1000, 0, 3, 7)

TABLE: dict[str, tuple[str, Row, tuple[str, int] | None]] = {
    "an open case": ("case/t/c", CaseRow(1, "a", "b", "open", 5, 9), ("open_cases", 5)),
    "one that somebody took": ("case/t/c", CaseRow(1, "a", "b", "acknowledged", 5, 9), ("open_cases", 5)),
    "one that is over": ("case/t/c", CaseRow(1, "a", "b", "resolved", 5, 9), None),
    "one about what was resolved": ("case/t/c", CaseRow(1, "a", "b", "open", 5, 9, code="resolved"), ("open_cases", 5)),
    "a pending delivery": ("delivery/e/d", DELIVERY, ("pending_deliveries", 7)),
    "one that is done": ("delivery/e/d", FinishedRow("done", 1, 9), None),
    "a row of another kind": ("finished/e/d", FinishedRow("done", 1, 9), None),
}


@pytest.mark.parametrize(("key", "row", "counts"), TABLE.values(), ids=TABLE)
def test_what_a_row_counts_as(key: str, row: Row, counts: tuple[str, int] | None) -> None:
    assert counted(key, encode_row(row)) == counts
    if key.startswith("case/"):
        assert is_open_case(key, encode_row(row)) == (counts is not None)


@pytest.mark.parametrize("key", ["case/t/c", "delivery/e/d"])
@pytest.mark.parametrize("data", [b"", b"\xc1", encode_row(DELIVERY)[:20], b"\x91\xa4case"])
def test_a_row_that_cannot_be_read_counts_as_nothing(key: str, data: bytes) -> None:
    assert counted(key, data) is None
