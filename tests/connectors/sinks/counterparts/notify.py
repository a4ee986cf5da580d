"""The other side of the sink `notify`: a chat server with webhooks as Slack and Mattermost have them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Self

from aiohttp import web

from tests.connectors.sinks.counterparts.webhook import STATUSES
from tocsin.connectors.sinks import Reason, Sink, make_sink
from tocsin.schemas.events import DeliveryAttempt

NUMBER = re.compile(r"number \d+ of the conformance")


class Chat:
    """A chat server."""

    kind = "notify"
    failures: Mapping[str, Reason] = {word: reason for word, (_, reason) in STATUSES.items()} | {
        "away": Reason.CONNECT_FAILED,
        "hangs": Reason.TIMEOUT,
        "hangs up": Reason.CONNECTION_LOST,
    }
    never: Mapping[str, str] = {"delivery id": "people are told what happened, not which delivery it is"}

    async def __aenter__(self) -> Self:
        self._failure: str | None = None
        self._taken: list[Hashable] = []
        self._hanging = asyncio.Event()
        app = web.Application()
        app.router.add_post("/hooks/{token}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        url = f"mmost://b0tname@127.0.0.1:{self._port}/tok3ns3cret"
        self.settings: dict[str, Any] = {"url": url, "allow_private": True, "timeout": 2.0}
        self.secrets: Sequence[str] = ("tok3ns3cret", "b0tname")
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

    def taken(self) -> Sequence[Hashable]:
        return self._taken

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return str(NUMBER.findall(attempt.body.decode("utf-8", "replace"))[:1])

    async def _take(self, request: web.Request) -> web.Response:
        text = (await request.json())["text"]
        if self._failure == "hangs":
            await self._hanging.wait()
        if self._failure == "hangs up" and request.transport is not None:
            request.transport.abort()
        if answer := STATUSES.get(self._failure or ""):
            return web.Response(status=answer[0], headers={"location": "/elsewhere"})
        self._taken.append(str(NUMBER.findall(text)[:1]))
        return web.Response()
