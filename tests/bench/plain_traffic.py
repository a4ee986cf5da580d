"""Traffic for `decide` without a rules file: one typical problem report after another, each in a thread of its own."""

from __future__ import annotations

from tocsin.connectors.publish import Origin, problem, problem_reported
from tocsin.schemas.codec import encode

START = 1_795_000_000_000_000
TENANTS = 1000


def tenant_of(number: int) -> str:
    """Whose event `number` is."""
    return f"tenant-{number % TENANTS}"


def report(number: int) -> bytes:
    """Event `number` as it lies in `inbox`."""
    told = problem(
        "e.p.xfer.cant-use-endpoint",
        text_template="Unable to use the {1} endpoint for {2}.",
        args=["https://agents.r.us/inbox", "did:sov:C805sNYhMrjHiqZDTUASHg"],
        thread_id=f"thread-{number}",
        message_id=f"message-{number}",
    )
    origin = Origin(tenant=tenant_of(number), event_id=f"019ab7c1-5f00-7000-8000-{number:012x}")
    return encode(problem_reported(told, origin, now=START + number))
