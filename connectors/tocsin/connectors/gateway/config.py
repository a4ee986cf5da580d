"""What the gateway can be told."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What a tenant may be called."""

Quota = Callable[[str, int], float | None]
"""`quota(tenant, events)`: None = go on, else after how many seconds to come again."""


def no_quota(tenant: str, events: int) -> float | None:
    """Everybody may publish as much as they like."""
    return None


class GatewayConfig(Struct, frozen=True, kw_only=True):
    """`max_body`: bytes, after decoding. `deadline`: seconds for the body to arrive, and again for Kafka's answer.
    `public_url`: what `instance` and Location begin with, such as `https://bus.example.org`; empty = relative."""

    default_tenant: str = "default"
    max_body: int = 1024 * 1024
    max_items: int = 1000
    deadline: float = 10.0
    public_url: str = ""
    quota: Quota = no_quota
