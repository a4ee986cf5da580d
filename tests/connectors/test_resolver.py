"""The system's resolver: in threads of its own, one for a name."""

from __future__ import annotations

import asyncio
import socket
from threading import Event
from typing import Any

import pytest

from tocsin.connectors.resolver import SystemResolver


async def test_what_the_system_says() -> None:
    resolver = SystemResolver()
    found = await resolver.resolve("localhost", 443, socket.AF_INET)
    assert [(each["host"], each["port"], each["hostname"]) for each in found] == [("127.0.0.1", 443, "localhost")]
    for name in ("no-such-host.invalid", "a" * 300, "a..b", "xn--\u0130"):
        with pytest.raises(socket.gaierror):
            await resolver.resolve(name, 443, socket.AF_INET)
    await resolver.close()


async def test_a_name_that_hangs_holds_nobody_else_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    release = Event()
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        if host.startswith("hangs"):
            release.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    resolver = SystemResolver()
    try:
        for number in range(40):  # more than asyncio has threads
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(resolver.resolve(f"hangs-{number}", 443), 0.001)
        assert await resolver.resolve("localhost", 443, socket.AF_INET)
        assert sorted(asked) == sorted([*(f"hangs-{number}" for number in range(40)), "localhost"]), "one thread a name"
        waiting = asyncio.create_task(resolver.resolve("hangs-0", 443))
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(socket.gaierror):
            await waiting
    finally:
        release.set()
        await resolver.close()


async def test_who_waits_when_it_is_closed_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *some, **more: release.wait(30) and [])
    resolver = SystemResolver()
    waiting = asyncio.create_task(resolver.resolve("hangs", 443))
    await asyncio.sleep(0)
    await resolver.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
