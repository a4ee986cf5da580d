"""A few bytes must not cost much time or memory, nor may the largest value allowed (docs/reliability.md#bombs)."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from tocsin.schemas.codec import MAX_BYTES, SHIPPED, decode, decode_as, encode
from tocsin.schemas.errors import Undecodable, UndecodableReason
from tocsin.schemas.events import DeliveryAttempt, ProblemReported
from tocsin.schemas.problem import Item, Problem
from tocsin.schemas.varints import long_bytes

IDS = {entry.event_name: entry.id for entry in SHIPPED.written()}
GUARD = 60
"""Seconds: far beyond a busy machine, and far below what a bomb costs that goes off."""
COMMON: dict[str, Any] = {"event_id": "e", "tenant": "t", "occurred_at": 1, "recorded_at": 2}
ATTEMPT = DeliveryAttempt(
    **COMMON, delivery_id="d", endpoint="ops", attempt=1, about="e", content_type="text/plain", body=b""
)


def framed(event: str, value: bytes) -> bytes:
    return b"\0" + IDS[event].to_bytes(4, "big") + value


START = b"\0\0\0\0\0\0"
HUGE = (2**31, 2**40, 2**62, 2**63 - 1)
BOMBS = [(f"a text of {n:.1e} bytes", framed("Tick", long_bytes(n))) for n in HUGE]
BOMBS += [(f"bytes of {n:.1e}", encode(ATTEMPT)[:-2] + long_bytes(n)) for n in HUGE]
BOMBS += [(f"a list of {n:.1e} texts", framed("EscalationStepped", START + b"\0\0\0" + long_bytes(n))) for n in HUGE]
BOMBS += [(f"a map of {n:.1e}", framed("ActivityObserved", START + b"\0" * 12 + long_bytes(n))) for n in HUGE]
BOMBS += [("a block of -2^63 texts", framed("EscalationStepped", START + b"\0\0\0" + long_bytes(-(2**63)) + b"\0"))]


@pytest.mark.parametrize(("what", "data"), BOMBS, ids=[name for name, _ in BOMBS])
def test_a_bomb_of_a_few_bytes_costs_nothing(what: str, data: bytes) -> None:
    tracemalloc.start()
    begun = time.thread_time()
    try:
        with pytest.raises(Undecodable) as refused:
            decode(data)
        assert time.thread_time() - begun < GUARD
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert refused.value.reason in (UndecodableReason.TRUNCATED, UndecodableReason.MALFORMED)


def test_the_largest_value_full_of_the_smallest_items_stays_small() -> None:
    empty = Problem(dialect="", code="", items=[Item(value="")])
    one = encode(ProblemReported(**COMMON, problem=empty))
    at = one.index(b"\2\0\0\0", 20)
    count = MAX_BYTES // 2 - len(one)
    many = one[:at] + long_bytes(count) + b"\0\0" * count + one[at + 3 :]
    assert len(many) < MAX_BYTES
    begun = time.thread_time()
    event = decode_as(many, ProblemReported)
    assert time.thread_time() - begun < GUARD
    assert event.problem.items == [Item(value="")] * count
