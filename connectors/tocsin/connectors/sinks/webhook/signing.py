"""What every signed request of a webhook has in its headers: the endpoint's own, the type of its body, signatures."""

from __future__ import annotations

from tocsin.connectors.sinks.webhook.config import WebhookConfig
from tocsin.connectors.webhooks import sign


def signed_headers(config: WebhookConfig, webhook_id: str, now: int, body: bytes, content_type: str) -> dict[str, str]:
    """The headers of one request with this body at `now` (microseconds). Raises ValueError for an id that may not stand
    in a header; the caller answers for the content type."""
    return {**config.headers, **sign(webhook_id, now, body, config.secrets), "content-type": content_type}
