"""The trace of a request, wherever it comes in."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from tocsin.connectors.gateway.request import trace_of

ONE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = "00-11111111111111111111111111111111-2222222222222222-01"

TRACES = {
    "none": ([], {}),
    "a parent": ([("traceparent", ONE)], {"traceparent": ONE}),
    "of two parents neither counts": ([("traceparent", ONE), ("traceparent", OTHER)], {}),
    "states are one list": (
        [("traceparent", ONE), ("tracestate", "a=1"), ("tracestate", "b=2")],
        {"traceparent": ONE, "tracestate": "a=1,b=2"},
    ),
    "a state without a parent": ([("tracestate", "a=1")], {}),
    "no trace": ([("traceparent", "yes")], {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACES)
def test_the_trace_of_a_request(name: str) -> None:
    headers, expected = TRACES[name]
    raw = [(key.encode(), value.encode()) for key, value in headers]
    assert trace_of(Request({"type": "http", "headers": raw})) == expected
