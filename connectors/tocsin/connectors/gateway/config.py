"""What the gateway is configured with."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tocsin.connectors.gateway.flight import Room
from tocsin.connectors.gateway.rates import Rate


class GatewayConfig(Struct, frozen=True, kw_only=True):
    """`max_body`: bytes, after decoding. `deadline`: seconds for the body to arrive, and again for Kafka's answer.
    `hosts`: names and addresses, besides the loopback ones, by which the gateway may be asked, and whose pages may ask.
    `show_metrics`: whether /metrics is among the routes. `anonymous`: who needs no credential: who asks from this
    machine, or nobody. `subscriptions`: whether endpoints are made over HTTP; `subscriptions_private`: whether these
    may have `allow_private`. `secure`: whether browsers reach it by https, so that cookies go no other way.
    `whole_addresses`: whether those on the topic `audit` are not shortened. `tenant_streams`: how many streams a tenant
    may have open."""

    default_tenant: str = "default"
    max_body: int = 1024 * 1024
    max_items: int = 1000
    deadline: float = 10.0
    hosts: frozenset[str] = frozenset()
    show_metrics: bool = True
    anonymous: Literal["loopback", "off"] = "loopback"
    secure: bool = False
    whole_addresses: bool = False
    subscriptions: bool = True
    subscriptions_private: bool = False
    room: Room = Room()
    tenant_documents: Rate = Rate(100, 500)
    tenant_bytes: Rate = Rate(4 * 1024 * 1024, 16 * 1024 * 1024)
    tenant_reads: Rate = Rate(50, 250)
    tenant_streams: int = 64
