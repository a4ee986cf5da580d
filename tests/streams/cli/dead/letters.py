"""Dead letters for tests: records of `dead` as the bus writes them."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from tocsin.connectors.publish import Origin, problem, problem_reported
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DeliveryRequested, ProblemReported
from tocsin.streams.engine.dead import dead_headers

NOW = 1_800_000_000_000
"""Milliseconds."""
Headers = list[tuple[str, bytes]]


def died(reason: str = "not_framed", stage: str = "decide", topic: str = "tocsin.inbox", **more: bytes) -> Headers:
    """The headers of a letter."""
    return [*dead_headers(topic, 2, 9, stage, reason, ""), *more.items()]


def record_of(
    headers: Headers, value: bytes | None = b"\x01", *, key: bytes = b"acme", at: int = NOW, place: str = "3:7"
) -> ConsumerRecord:
    """A record of `dead`."""
    partition, _, offset = place.partition(":")
    return ConsumerRecord("tocsin.dead", int(partition), int(offset), at, 0, key, value, None, 0, 0, headers)


def a_report(code: str = "e.p.xfer.cant", tenant: str = "acme") -> ProblemReported:
    """An event of `inbox`."""
    return problem_reported(problem(code, text="it does not"), Origin(tenant=tenant))


def a_request(delivery: str = "d1", endpoint: str = "owner", replay: int = 0) -> DeliveryRequested:
    """An event of `deliveries`."""
    return DeliveryRequested(
        event_id=f"request of {delivery}", tenant="acme", occurred_at=1, recorded_at=1, cause="c", delivery_id=delivery,
        endpoint=endpoint, lane="acme/t", about="r", content_type="application/json", replay=replay,
        body=b'{"type": "problem.opened", "data": {"problem": {"code": "e.p.xfer"}}}',
    )  # fmt: skip


REPORT = encode(a_report())
REQUEST = encode(a_request())
