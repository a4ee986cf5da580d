"""The port on which probes are served."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponseError, web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from tocsin.streams.telemetry.probes import first_of, scrape, serve_probes, total


async def port_of(port: int | None, usual: int) -> int | None:
    async with serve_probes("127.0.0.1", port, CollectorRegistry(), lambda: None, usual=usual) as url:
        return urlsplit(url).port


async def test_the_usual_port_while_it_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        usual = taken.getsockname()[1]
        with capture_logs() as logs:
            assert await port_of(None, usual) not in (None, 0, usual)
        assert [line["usual"] for line in logs] == [usual]
        with pytest.raises(OSError, match="in use"):
            await port_of(usual, 0)
    assert await port_of(None, usual) == usual
    assert await port_of(0, usual) != usual


def test_the_first_reason_is_told() -> None:
    assert first_of(lambda: None, lambda: "a", lambda: "b")() == "a"
    assert first_of(lambda: None)() is None


async def test_metrics_for_which_a_credential_is_asked_are_passed_over_and_other_refusals_are_none() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), text='{"title": "Who asks?"}')

    app = web.Application()
    app.router.add_get("/{status}/metrics", refuse)
    registry = CollectorRegistry()
    Counter("tocsin_here", "Here.", registry=registry).inc(3)
    async with TestServer(app) as server, serve_probes("127.0.0.1", 0, registry, lambda: None) as url:
        asks, broken = (str(server.make_url(f"/{status}/metrics")) for status in (401, 500))
        assert total(await scrape([asks, f"{url}/metrics"]), "tocsin_here_total") == 3
        with pytest.raises(ClientResponseError):
            await scrape([broken])
