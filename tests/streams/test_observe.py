"""What is counted stays bounded, whatever the records carry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from tocsin.schemas.events import DeliveryOutcome, Outcome
from tocsin.streams.observe import MAX_SERIES, DispatchMetrics


def test_ten_thousand_endpoints_make_no_more_series_than_allowed() -> None:
    registry = CollectorRegistry()
    metrics = DispatchMetrics(registry)
    for number in range(MAX_SERIES * 2):
        metrics.dead(f"reason{number}")
        outcome = DeliveryOutcome(
            event_id="e",
            tenant="t",
            occurred_at=0,
            recorded_at=0,
            delivery_id="d",
            endpoint=f"endpoint{number}",
            attempt=1,
            outcome=Outcome.DELIVERED,
            reason="ok",
            duration=1_000,
        )
        metrics.outcome(outcome)
    for metric in registry.collect():
        counted = [one for one in metric.samples if one.name.endswith(("_total", "_count"))]
        assert len(counted) == MAX_SERIES + 1, metric.name
        assert sum(one.value for one in counted) == MAX_SERIES * 2
