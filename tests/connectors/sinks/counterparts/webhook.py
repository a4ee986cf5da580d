"""The other side of the webhook sink: a receiver that verifies signatures, on a port that stays the same."""

from __future__ import annotations

from collections.abc import Hashable

from aiohttp import web

from tests.connectors.sinks.counterparts.served import Served
from tocsin.connectors.webhooks import verify
from tocsin.schemas.events import DeliveryAttempt

SECRET = "whsec_" + "dG9jc2luLXRlc3Qtc2VjcmV0LTMyLWJ5dGVzLWxvbmc="


class Receiver(Served):
    """An HTTP server."""

    kind = "webhook"
    path = "/hook"
    largest = 2**22

    def reach(self, port: int) -> None:
        self.settings = {
            "url": f"http://127.0.0.1:{port}/hook?token=qu3ry-s3cret",
            "secrets": [SECRET],
            "headers": {"authorization": "Bearer h3ader-s3cret"},
            "allow_private": True,
            "timeout": 0.5,
        }
        self.secrets = ("qu3ry-s3cret", "h3ader-s3cret", SECRET.removeprefix("whsec_"))

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return attempt.delivery_id, attempt.body

    async def take(self, request: web.Request, body: bytes) -> web.Response:
        verify(body, dict(request.headers), [SECRET])
        self._taken.append((request.headers["webhook-id"], body))
        return web.Response(status=204)
