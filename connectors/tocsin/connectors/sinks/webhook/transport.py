"""The way to the URL of one webhook."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp.abc import AbstractResolver

from tocsin.connectors.egress.answers import Answer
from tocsin.connectors.egress.proxy import ProxyRefused
from tocsin.connectors.egress.transport import Transport
from tocsin.connectors.sinks.base import SinkMisconfigured
from tocsin.connectors.sinks.webhook.config import WebhookConfig, checked_url


class WebhookTransport(Transport):
    """Requests to the URL of one webhook, inside `async with`."""

    def __init__(self, config: WebhookConfig, name_servers: AbstractResolver | None = None) -> None:
        """Raises SinkMisconfigured for a URL or a proxy that cannot be used."""
        self._url = checked_url(config)
        try:
            super().__init__(config, name_servers)
        except ProxyRefused as refused:
            raise SinkMisconfigured("webhook", "proxy", str(refused)) from None

    async def ask(self, method: str, headers: Mapping[str, str], body: bytes | None = None, *, keep: int = 0) -> Answer:
        """The answer to one request, as `send` gives it."""
        return await self.send(method, self._url, headers, body, keep=keep)
