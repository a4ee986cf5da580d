"""The supervisors of `tocsin up` survive what a full disk does to them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tocsin.streams.settings import Settings
from tocsin.streams.up import member
from tocsin.streams.up import supervisor as bus
from tocsin.streams.up.broker import EmbeddedBroker
from tocsin.streams.up.member import Member
from tocsin.streams.up.supervisor import Bus


class _FullDisk(EmbeddedBroker):
    """Ends at once, whenever it is started."""

    async def died(self) -> None:
        return

    async def restart(self) -> None:
        raise OSError(28, "No space left on device")


async def reported_twice(lines: list[str], what: str, watching: asyncio.Task[None]) -> None:
    """Returns once `what` was reported twice; fails when the watching ended instead."""
    async with asyncio.timeout(60):
        while sum(what in line for line in lines) < 2:
            assert not watching.done()
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_kafka_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "FIRST_DELAY", 0.01)
    lines: list[str] = []
    watching = asyncio.create_task(Bus(Settings(home=tmp_path), lines.append)._watch_broker(_FullDisk(tmp_path)))
    await reported_twice(lines, "No space left", watching)


async def test_a_process_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "FIRST_DELAY", 0.01)
    lines: list[str] = []
    # a log in a folder that is not there: it cannot even be started
    watching = asyncio.create_task(Member("worker", Settings(home=tmp_path), tmp_path / "gone", lines.append).watch())
    await reported_twice(lines, "No such file", watching)
