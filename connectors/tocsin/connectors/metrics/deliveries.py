"""Metrics of deliveries, attempts and endpoints."""

from __future__ import annotations

from tocsin.connectors.metrics.metric import Kind, Metric, Process

_WORKER, _DISPATCH = (Process.WORKER,), (Process.DISPATCH,)

ATTEMPT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
"""Up to what an attempt may take at most."""
DELIVERED_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600)
"""From what the bus takes by itself to hours of retries; 5 and 30 seconds are what service levels are said in."""

DELIVERIES = (
    Metric(
        name="tocsin_deliveries_requested_total", kind=Kind.COUNTER, unit="deliveries", meaning="Deliveries asked for.",
        labels=("endpoint",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_attempts_requested_total", kind=Kind.COUNTER, unit="attempts", meaning="Attempts asked for.",
        labels=("endpoint", "try"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_deliveries_dead_total", kind=Kind.COUNTER, unit="deliveries",
        meaning="Deliveries that were given up; each is a dead letter.",
        labels=("endpoint", "reason"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_deliveries_pending", kind=Kind.GAUGE, unit="deliveries",
        meaning="Deliveries that are not done and not dead; counted twice a minute.", processes=_WORKER,
    ),
    Metric(
        name="tocsin_delivery_oldest_pending_seconds", kind=Kind.GAUGE, unit="seconds",
        meaning="How long ago the oldest of them was asked for.", processes=_WORKER,
    ),
    Metric(
        name="tocsin_endpoint_state", kind=Kind.GAUGE, unit="1",
        meaning="1 for each endpoint that fails, is off or was removed.",
        labels=("endpoint", "state"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_endpoint_held_back", kind=Kind.GAUGE, unit="1",
        meaning="1 for each endpoint that gets less than there is.", labels=("endpoint", "by"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_endpoint_peers_held_back", kind=Kind.GAUGE, unit="peers",
        meaning="DIDComm agents that get less than there is, by the endpoint that tells them; counted twice a minute.",
        labels=("endpoint", "by"), processes=_WORKER,
    ),
    Metric(
        name="tocsin_deliveries_parked", kind=Kind.GAUGE, unit="deliveries",
        meaning="Deliveries that wait for their endpoint, of endpoints of which any do.",
        labels=("endpoint",), processes=_WORKER,
    ),
    Metric(
        name="tocsin_attempts_total", kind=Kind.COUNTER, unit="attempts", meaning="Attempts made.",
        labels=("endpoint", "outcome", "reason"), processes=_DISPATCH,
    ),
    Metric(
        name="tocsin_attempt_seconds", kind=Kind.HISTOGRAM, unit="seconds", meaning="How long attempts took.",
        labels=("endpoint",), processes=_DISPATCH, buckets=ATTEMPT_SECONDS, exemplars=True,
    ),
    Metric(
        name="tocsin_publish_to_delivered_seconds", kind=Kind.HISTOGRAM, unit="seconds",
        meaning="From when a problem was published until its endpoint had taken it, retries included, replays not.",
        labels=("endpoint",), processes=_DISPATCH, buckets=DELIVERED_SECONDS, exemplars=True,
    ),
    Metric(
        name="tocsin_attempts_under_way", kind=Kind.GAUGE, unit="attempts",
        meaning="Attempts that were read and are not ended.", processes=_DISPATCH,
    ),
)  # fmt: skip
"""In the order of the page."""
