"""The other sides that are HTTP servers: on a port that stays the same, away, hanging, or answering with a status."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

from aiohttp import web

from tocsin.connectors.sinks import Reason, Sink, make_sink

STATUSES: Mapping[str, tuple[int, Reason]] = {
    "is gone": (410, Reason.GONE),
    "refuses": (401, Reason.AUTH_ERROR),
    "has enough": (429, Reason.RATE_LIMITED),
    "is elsewhere": (302, Reason.REDIRECTED),
    "does not like it": (422, Reason.CLIENT_ERROR),
    "is broken": (503, Reason.SERVER_ERROR),
}
OTHERWISE = {"away": Reason.CONNECT_FAILED, "hangs": Reason.TIMEOUT, "hangs up": Reason.CONNECTION_LOST}


class Served:
    """An HTTP server at `path`; `reach` says how the sink finds it, `take` keeps what came."""

    kind: str
    path: str
    largest: int = 2**20
    """Bytes of a body that it takes."""
    failures: Mapping[str, Reason] = {word: reason for word, (_, reason) in STATUSES.items()} | OTHERWISE
    never: Mapping[str, str] = {}
    settings: Mapping[str, Any]
    secrets: Sequence[str]

    def reach(self, port: int) -> None:
        """Set `settings` and `secrets` for a server on this port."""
        raise NotImplementedError

    async def take(self, request: web.Request, body: bytes) -> web.Response:
        """Keep a request in `_taken`, and answer it well."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._failure: str | None = None
        self._taken: list[Hashable] = []
        self._hanging = asyncio.Event()
        app = web.Application(client_max_size=self.largest)
        app.router.add_post(self.path, self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        self.reach(self._port)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._hanging.set()
        await self._runner.cleanup()

    def sink(self) -> Sink:
        return make_sink(self.kind, self.settings)

    async def turn(self, failure: str | None) -> None:
        if self._failure == "away":
            self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
            await self._site.start()
        self._failure = failure
        self._hanging.set()
        self._hanging = asyncio.Event()
        if failure == "away":
            await self._site.stop()
            for connection in list(self._runner.server.connections if self._runner.server else ()):
                connection.force_close()
            for _ in range(10):
                await asyncio.sleep(0.005)  # the sink sees that its idle connections are closed

    def taken(self) -> Sequence[Hashable]:
        return self._taken

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self._failure == "hangs":
            await self._hanging.wait()
        if self._failure == "hangs up" and request.transport is not None:
            request.transport.abort()
        if answer := STATUSES.get(self._failure or ""):
            return web.Response(status=answer[0], headers={"location": "/elsewhere"})
        return await self.take(request, body)
