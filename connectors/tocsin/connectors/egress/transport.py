"""One request, one bounded answer (docs/reliability.md#webhooks).

No redirects, no proxies from the environment, no decompression, no cookies, only public addresses unless
`allow_private`. Deliveries, pings, ownership checks and look-ups all go this way: what holds for one holds for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from tocsin.connectors.egress.answers import Answer, read_capped
from tocsin.connectors.egress.certificates import trusting
from tocsin.connectors.egress.posting import Poster
from tocsin.connectors.egress.proxy import Proxy, checked_proxy, look_before_asking
from tocsin.connectors.guard import PublicResolver, dial_any, dial_public


class NotOpen(Exception):
    """The transport is not open, or closed again."""


class WayOut(Protocol):
    """Settings of a way out, as a sink's `Config` has them; times in seconds."""

    @property
    def allow_private(self) -> bool:
        """Plain http, any port and private addresses are right."""
        ...

    @property
    def proxy(self) -> Proxy | None:
        """Through which everything goes."""
        ...

    @property
    def ca_file(self) -> str | None:
        """Certificates in PEM: who signs that of the other side, instead of whom the system trusts."""
        ...

    @property
    def timeout(self) -> float:
        """Of a whole request."""
        ...

    @property
    def connect_timeout(self) -> float:
        """Until the connection stands."""
        ...


class Transport:
    """Requests to other sides, inside `async with`. Their URLs are those of `outgoing_url`."""

    def __init__(
        self, config: WayOut, name_servers: AbstractResolver | None = None, user_agent: str = "tocsin-webhook"
    ) -> None:
        """`name_servers` looks up what must be public, instead of the system's. Raises ProxyRefused for a proxy that
        cannot be used."""
        self._proxy = checked_proxy(config.proxy)
        self._config, self._name_servers, self._user_agent = config, name_servers, user_agent
        self._proxy_headers = None if config.proxy is None else config.proxy.headers
        self._resolver: PublicResolver | None = None
        self._look_first = False
        self._session: aiohttp.ClientSession | None = None
        self._last: Poster | None = None

    async def __aenter__(self) -> Self:
        config, proxy = self._config, self._config.proxy if self._proxy is not None else None
        # who is connected to: the proxy, if there is one
        private = config.allow_private if proxy is None else proxy.allow_private
        self._look_first = proxy is not None and not config.allow_private and not proxy.resolves
        self._resolver = None if private and not self._look_first else PublicResolver(self._name_servers)
        connector = aiohttp.TCPConnector(
            socket_factory=dial_any if private else dial_public,
            resolver=ThreadedResolver()
            if private
            else self._resolver,  # what is private may be known to the system only
            limit=0,  # the dispatcher bounds what runs at once; waiting here would eat the attempt's time
            ssl=True if config.ca_file is None else trusting(config.ca_file),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=config.timeout, connect=config.connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": self._user_agent},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = self._last = None
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None

    async def send(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None = None, *, keep: int = 0
    ) -> Answer:
        """The answer to one request, with the first `keep` bytes of its body. Once the status is
        there it stands, whatever becomes of the rest. Raises NotOpen, and what `http_outcomes.of_error` takes."""
        if self._session is None:
            raise NotOpen
        if method == "POST" and body is not None and self._proxy is None:
            return await self._poster(self._session, url).post(headers, body, keep)
        answer: Answer | None = None
        try:
            # aiohttp's own total does not cover all of it: a limit around everything does.
            async with (
                asyncio.timeout(self._config.timeout),
                await self._request(self._session, method, url, headers, body) as response,
            ):
                answer = Answer(status=response.status, headers=response.headers)
                await read_capped(response.content, response.close, answer, keep)
        except Exception:
            if answer is None:
                raise
            answer.cut = True  # the rest is read only to use the connection again
        return answer

    def _poster(self, session: aiohttp.ClientSession, url: URL) -> Poster:
        if self._last is None or self._last.url is not url:
            self._last = Poster(session, url)
        return self._last

    async def _request(
        self, session: aiohttp.ClientSession, method: str, url: URL, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._look_first and self._resolver is not None:
            async with asyncio.timeout(self._config.connect_timeout):
                await look_before_asking(url, self._resolver)
        return session.request(
            method, url, data=body, headers=headers, allow_redirects=False, proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )  # fmt: skip
