"""What the gateway can be told."""

from __future__ import annotations

import re

from msgspec import Struct

TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a tenant may be called."""


class GatewayConfig(Struct, frozen=True, kw_only=True):
    """`max_body`: bytes, after decoding. `deadline`: seconds for the body to arrive, and again for Kafka's answer."""

    default_tenant: str = "default"
    max_body: int = 1024 * 1024
    max_items: int = 1000
    deadline: float = 10.0
