"""Attempts to deliver: usual ones, and odd ones."""

from __future__ import annotations

import json
from typing import Any

from tocsin.schemas.events import DeliveryAttempt


def attempt_of(number: int = 1, **changes: Any) -> DeliveryAttempt:
    """An attempt to deliver a notification as the bus makes it; each number is another delivery with another body."""
    problem = {"code": "e.p.xfer", "severity": "error", "text": f"number {number} of the conformance"}
    data = {"tenant": "acme", "event_id": f"event-{number}", "case": f"case-{number}", "problem": problem}
    body = {"type": "problem.opened", "timestamp": "2026-11-30T00:00:00.000Z", "data": data}
    fields: dict[str, Any] = {
        "event_id": f"attempt-{number}", "tenant": "acme", "occurred_at": 1, "recorded_at": 1, "endpoint": "ep",
        "delivery_id": f"delivery-{number}", "attempt": 1, "about": f"event-{number}",
        "content_type": "application/json", "body": json.dumps(body).encode(),
    }  # fmt: skip
    return DeliveryAttempt(**(fields | changes))


ODD: dict[str, dict[str, Any]] = {
    "empty": {"body": b"", "delivery_id": "", "content_type": ""},
    "binary": {"body": bytes(range(256)) * 20, "content_type": "application/octet-stream"},
    "large": {"body": b'"' + b"x" * 1_000_000 + b'"'},
    "headers in the id": {"delivery_id": "a\r\nb: c"},
    "headers in the content type": {"content_type": "text/plain\r\nx: y"},
    "not ASCII": {"delivery_id": "\N{SNOWMAN}" * 300, "content_type": "\N{SNOWMAN}/x", "body": "\N{SNOWMAN}".encode()},
    "a lone surrogate": {"delivery_id": "\ud800", "content_type": "text/\ud800"},
    "another shape": {"body": b'{"data": [1], "type": {"a": null}, "timestamp": 1e999}'},
    "deep": {"body": b"[" * 50_000},
    "a large number": {"body": b"1" * 10_000},
    "odd numbers": {"attempt": -1, "replay": 2**63, "occurred_at": -(2**62), "recorded_at": 2**62},
    "a broken trace": {"traceparent": "x\r\ny", "tracestate": "\ud800"},
    "an odd peer": {"peer": "did:\r\nx", "own": "\ud800", "connection": "\N{SNOWMAN}" * 300},
}
"""Attempts that no sink may stumble over: what differs from a usual one."""
