"""The other side of the sink `notify`: a chat server with webhooks as Slack and Mattermost have them."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping

from aiohttp import web

from tests.connectors.sinks.counterparts.served import Served
from tocsin.schemas.events import DeliveryAttempt

NUMBER = re.compile(r"number \d+ of the conformance")


class Chat(Served):
    """A chat server."""

    kind = "notify"
    path = "/hooks/{token}"
    never: Mapping[str, str] = {"delivery id": "people are told what happened, not which delivery it is"}

    def reach(self, port: int) -> None:
        url = f"mmost://b0tname@127.0.0.1:{port}/tok3ns3cret"
        self.settings = {"url": url, "allow_private": True, "timeout": 2.0}
        self.secrets = ("tok3ns3cret", "b0tname")

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return str(NUMBER.findall(attempt.body.decode("utf-8", "replace"))[:1])

    async def take(self, request: web.Request, body: bytes) -> web.Response:
        self._taken.append(str(NUMBER.findall(json.loads(body)["text"])[:1]))
        return web.Response()
