"""What the gateway is configured with."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tocsin.connectors.gateway.flight import Room
from tocsin.connectors.gateway.rates import Rate


class GatewayConfig(Struct, frozen=True, kw_only=True):
    """`max_body`: bytes, after decoding. `deadline`: seconds for the body to arrive, and again for Kafka's answer.
    `hosts`: names and addresses, besides the loopback ones, by which the gateway may be asked, and whose pages may ask.
    `show_metrics`: whether /metrics is among the routes. `subscriptions`: who may make endpoints, `on` being everybody;
    `subscriptions_private`: whether these may have `allow_private`."""

    default_tenant: str = "default"
    max_body: int = 1024 * 1024
    max_items: int = 1000
    deadline: float = 10.0
    hosts: frozenset[str] = frozenset()
    show_metrics: bool = True
    subscriptions: Literal["loopback", "on", "off"] = "loopback"
    subscriptions_private: bool = False
    room: Room = Room()
    tenant_documents: Rate = Rate(100, 500)
    tenant_bytes: Rate = Rate(4 * 1024 * 1024, 16 * 1024 * 1024)
