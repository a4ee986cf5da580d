"""What every signed request of a webhook has in its headers: the endpoint's own, the type of its body, signatures."""

from __future__ import annotations

from functools import lru_cache

from tocsin.connectors.sinks.webhook.config import WebhookConfig
from tocsin.connectors.webhooks import Signer


def signed_headers(config: WebhookConfig, webhook_id: str, now: int, body: bytes, content_type: str) -> dict[str, str]:
    """The headers of one request with this body at `now` (microseconds). Raises ValueError for an id that may not stand
    in a header; the caller answers for the content type."""
    signed = signer(tuple(config.secrets)).sign(webhook_id, now, body)
    return {**config.headers, **signed, "content-type": content_type}


@lru_cache(maxsize=100)  # the endpoints of a rules file; to make an ed25519 key takes as long as to sign with it
def signer(secrets: tuple[str, ...]) -> Signer:
    """What signs with these. Raises ValueError for one that cannot, ModuleNotFoundError without what ed25519 needs."""
    return Signer(secrets)
