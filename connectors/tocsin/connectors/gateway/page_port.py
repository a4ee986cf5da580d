"""The pages for people, as the gateway and whoever answers questions needs them; `tocsin.streams.page` has them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.connectors.gateway.accepting import prefers_page
from tocsin.connectors.gateway.config import GatewayConfig
from tocsin.connectors.gateway.problems import Refusal

HEADERS = {
    "cache-control": "private, no-cache",
    "x-content-type-options": "nosniff",
    "vary": "accept, accept-language, authorization, cookie",
}
"""What a tenant is told may change, and is nobody else's."""


class PagePort(Protocol):
    """Makes pages out of documents."""

    def shown(self, request: Request, name: str, document: Mapping[str, Any], now: int) -> Response:
        """The page of this name about a document of JSON; `now` is in microseconds."""
        ...

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """The page of a refusal."""
        ...

    def sign_in(self, request: Request, config: GatewayConfig, target: str, refusal: Refusal | None) -> Response:
        """The page by which somebody signs in, to go on to `target`; `refusal` is why that did not do."""
        ...

    def routes(self) -> APIRouter:
        """What pages need besides: their style sheet and script."""
        ...


def shown(request: Request, name: str, document: Mapping[str, Any]) -> Response:
    """A document of a route of the gateway itself: the page of this `name` for who wants one, else JSON."""
    pages: PagePort | None = request.app.state.pages
    if pages is not None and prefers_page(request):
        return pages.shown(request, name, document, time.time_ns() // 1000)
    return Response(msgspec.json.encode(document), media_type="application/json", headers=HEADERS)
