"""Notifications as the bus makes them, for those who show them to people."""

from __future__ import annotations

import json
from typing import Any

from tocsin.schemas.events import DeliveryAttempt

CASE = "0e9f6a0c-1111-5555-8888-1234567890ab"
CODE = "e.p.xfer.cant-use-endpoint"


def notification(kind: str = "problem.opened", **data: Any) -> dict[str, Any]:
    """A notification about one problem, explained in English."""
    usual = {
        "case": CASE,
        "event_id": "0e9f6a0c-2222-5555-8888-1234567890ab",
        "tenant": "acme",
        "count": 3,
        "problem": {
            "code": CODE,
            "severity": "error",
            "text": "The mediator does not answer",
            "source": {"service": "issuer", "connection": "c-1", "record_type": "credential", "record_id": "7"},
        },
        "thread": {"thread_id": "t-1", "first_seen": "2026-11-30T01:02:03.000Z", "protocol": "issue-credential"},
        "wording": {
            "title": {"text": "The endpoint cannot be used", "from": "catalogue", "language": "en"},
            "explanation": {"text": "Nothing could be sent there", "from": "catalogue", "language": "en"},
            "fix_hint": {"text": "Check the address", "from": "catalogue", "language": "en"},
        },
    }
    return {"type": kind, "timestamp": "2026-11-30T01:02:04.000Z", "data": usual | data}


def attempt(body: Any = None, **changes: Any) -> DeliveryAttempt:
    """An attempt to deliver it to the endpoint `ann`."""
    fields: dict[str, Any] = {
        "event_id": "e", "tenant": "acme", "occurred_at": 1, "recorded_at": 1, "delivery_id": "d-1", "endpoint": "ann",
        "attempt": 1, "about": "e0", "content_type": "application/json",
        "body": json.dumps(notification() if body is None else body).encode(),
    }  # fmt: skip
    return DeliveryAttempt(**(fields | changes))
