"""The supervisors of `tocsin up` survive what a full disk does to them; and who may read its home."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tocsin.streams.settings import Settings
from tocsin.streams.up import member
from tocsin.streams.up import supervisor as bus
from tocsin.streams.up.broker import EmbeddedBroker
from tocsin.streams.up.broker.home import BrokerHome
from tocsin.streams.up.home import HomeLock
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


def test_the_home_is_for_its_user_alone(tmp_path: Path) -> None:
    lock, broker = HomeLock(tmp_path / "home"), BrokerHome(tmp_path / "home")
    broker.folder.mkdir(mode=0o755)  # as an earlier release made it
    broker.take()
    broker.release()
    lock.release()
    modes = {str(one.relative_to(tmp_path)): one.stat().st_mode & 0o777 for one in (tmp_path / "home").rglob("*")}
    assert modes == {"home/up.pid": 0o600, "home/kafka": 0o700, "home/kafka/lock": 0o600}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
