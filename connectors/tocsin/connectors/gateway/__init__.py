"""The HTTP gateway: problems and activity in, schemas and metrics out. `build_gateway` makes the FastAPI application.

Guarantee: 202 is answered only after Kafka acknowledged (acks=all); what could not be stored is refused with
`application/problem+json`, never accepted.
"""

from __future__ import annotations

from tocsin.connectors.gateway.app import build_gateway
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.connections import server_config
from tocsin.connectors.gateway.credentials import Access
from tocsin.connectors.gateway.door import LOOPBACK, host_of
from tocsin.connectors.gateway.ignored import IgnoredDocument
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.probes import Ready
from tocsin.connectors.gateway.rates import Rate
from tocsin.connectors.gateway.watched import Limits

__all__ = [
    "LOOPBACK",
    "Access",
    "GatewayConfig",
    "GatewayMetrics",
    "IgnoredDocument",
    "Limits",
    "Rate",
    "Ready",
    "build_gateway",
    "host_of",
    "server_config",
]
