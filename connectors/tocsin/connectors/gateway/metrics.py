"""What the gateway counts; its metrics are in the catalogue, and all their labels are closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from starlette.types import Scope

from tocsin.connectors.dialects import DIALECTS
from tocsin.connectors.gateway.problems import KINDS
from tocsin.connectors.metrics.bounds import NONE, OTHER
from tocsin.connectors.metrics.making import Meters, exemplar
from tocsin.connectors.tracing import trace

ACCEPTED_ANYHOW = ("activity", "command")
"""The kinds of accepted events that are no dialect."""


class GatewayMetrics:
    """Registered once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        meters = Meters(registry)
        self._requests = meters.counter("tocsin_gateway_requests_total")
        self._seconds = meters.histogram("tocsin_gateway_request_seconds")
        self._accepted = meters.counter("tocsin_gateway_accepted_total")
        self._refused = meters.counter("tocsin_gateway_refused_total")
        self._ignored = meters.counter("tocsin_gateway_ignored_total")
        self._sources = meters.counter("tocsin_gateway_source_messages_total")
        self._didcomm = meters.counter("tocsin_didcomm_received_total")
        self._pickups = meters.counter("tocsin_didcomm_pickups_total")

    def count_pickup(self, result: str) -> None:
        """One round at a mediator."""
        self._pickups(result).inc()

    def count_didcomm(self, outcome: str) -> None:
        """One envelope that came by DIDComm, by what became of it: an `Outcome`."""
        self._didcomm(outcome).inc()

    def count_source(self, source: str, what: str, outcome: str, count: int = 1) -> None:
        """Messages of a source, or records in one; `what` is one of its kinds."""
        self._sources(source, what, outcome).inc(count)

    def count_ignored(self, *, kept: bool) -> None:
        """One document that is no problem."""
        self._ignored("yes" if kept else "no").inc()

    def count_accepted(self, kind: str) -> None:
        """One event stored: its dialect, `activity` or `command`."""
        self._accepted(kind if kind in DIALECTS or kind in ACCEPTED_ANYHOW else OTHER).inc()

    def count_refused(self, reason: str) -> None:
        """One document or request refused, by the name of its problem."""
        self._refused(reason if reason in KINDS else OTHER).inc()

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """One request answered; by its route's template, never the path that was asked for."""
        route = getattr(scope.get("route"), "path", NONE)
        self._requests(route, str(status)).inc()
        self._seconds(route).observe(seconds, exemplar(_traceparent(scope)))


def _traceparent(scope: Scope) -> str | None:
    said = next((value for name, value in scope["headers"] if name == b"traceparent"), None)
    return None if said is None else trace(said.decode("latin-1")).get("traceparent")
