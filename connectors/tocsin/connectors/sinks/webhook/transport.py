"""The way out of a webhook: one request, one bounded answer (docs/reliability.md#webhooks).

No redirects, no proxies from the environment, no decompression, no cookies, only public addresses unless
`allow_private`. Deliveries, pings and ownership checks all go this way: what holds for one holds for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
from msgspec import Struct

from tocsin.connectors.guard import PublicResolver, dial_any, dial_public
from tocsin.connectors.sinks.webhook.config import WebhookConfig, checked_url

READ_AT_MOST = 64 * 1024
"""How much of an answer is read, in bytes; the rest is cut off."""


class Answer(Struct, kw_only=True):
    """What came back: `body` is its beginning, as much as was asked for; `cut` says that there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False


class NotOpen(Exception):
    """The transport is not open, or closed again."""


class Transport:
    """Requests to the URL of one webhook, inside `async with`."""

    def __init__(self, config: WebhookConfig) -> None:
        """Raises SinkMisconfigured for a URL that cannot be used."""
        self._url, self._config = checked_url(config), config
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        config = self._config
        connector = aiohttp.TCPConnector(
            socket_factory=dial_any if config.allow_private else dial_public,
            resolver=None if config.allow_private else PublicResolver(),
            limit=0,  # the dispatcher bounds what runs at once; waiting here would eat the attempt's time
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=config.timeout, connect=config.connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": "tocsin-webhook"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, method: str, headers: Mapping[str, str], body: bytes | None = None, *, keep: int = 0
    ) -> Answer:
        """The answer to one request, with the first `keep` bytes of its body (at most READ_AT_MOST). Once the status is
        there it stands, whatever becomes of the rest. Raises NotOpen, and what `http_outcomes.of_error` takes."""
        if self._session is None:
            raise NotOpen
        answer: Answer | None = None
        try:
            # aiohttp's own total does not cover all of it: a limit around everything does.
            async with (
                asyncio.timeout(self._config.timeout),
                self._session.request(method, self._url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                answer = Answer(status=response.status, headers=response.headers)
                await _read_capped(response, answer, keep)
        except Exception:
            if answer is None:
                raise
            answer.cut = True  # the rest is read only to use the connection again
        return answer


async def _read_capped(response: aiohttp.ClientResponse, answer: Answer, keep: int) -> None:
    """Read to the end, so that the connection can be used again; a longer answer is cut off with its connection."""
    read = 0
    async for chunk in response.content.iter_any():
        if read < keep:
            answer.body += chunk[: keep - read]
        read += len(chunk)
        answer.cut = read > keep
        if read > READ_AT_MOST:
            response.close()
            return
