"""The HTTP gateway: problems and activity in, schemas and metrics out. `build_gateway` makes the FastAPI application.

Guarantee: 202 is answered only after Kafka acknowledged (acks=all); what could not be stored is refused with
`application/problem+json`, never accepted (RELIABILITY I7).
"""

from __future__ import annotations

from tocsin.connectors.gateway.app import build_gateway
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.metrics import GatewayMetrics
from tocsin.connectors.gateway.watching import Ready

__all__ = ["GatewayConfig", "GatewayMetrics", "Ready", "build_gateway"]
