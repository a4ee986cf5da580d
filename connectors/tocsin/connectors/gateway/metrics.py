"""The gateway's metrics: every name, and labels from closed sets only (RELIABILITY 3.1 "Metrics endpoint")."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from tocsin.connectors.dialects import DIALECTS
from tocsin.connectors.gateway.problems import KINDS

OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewayMetrics:
    """Registered once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "tocsin_gateway_requests", "Requests answered, by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "tocsin_gateway_request_seconds",
            "From the head of a request to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.accepted = Counter(
            "tocsin_gateway_accepted", "Events that Kafka acknowledged, by kind.", ["kind"], registry=registry
        )
        self.refused = Counter(
            "tocsin_gateway_refused", "Documents and requests refused, by reason.", ["reason"], registry=registry
        )

    def count_accepted(self, kind: str) -> None:
        """One event stored: its dialect, `activity` or `command`."""
        self.accepted.labels(kind if kind in DIALECTS or kind in ("activity", "command") else OTHER).inc()

    def count_refused(self, reason: str) -> None:
        """One document or request refused, by the name of its problem."""
        self.refused.labels(reason if reason in KINDS else OTHER).inc()

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """One request answered; `route` is the route's template, never the path that was asked for."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)
