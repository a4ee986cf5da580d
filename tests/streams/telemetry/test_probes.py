"""The port on which probes are served."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tocsin.streams.telemetry.probes import first_of, serve_probes


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
