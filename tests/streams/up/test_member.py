"""How long `tocsin up` waits for a process: as long as it gets on."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from pathlib import Path

import pytest

from tocsin.streams.processes.lifecycle import Ready
from tocsin.streams.settings import Settings
from tocsin.streams.up import member as member_module
from tocsin.streams.up.member import Member, MemberFailed

RECOVERING: dict[str, object] = {"recovering": "5 of 12 partitions are being taken over"}
READY: dict[str, object] = {"ready": True, "url": "http://127.0.0.1:9"}


class ScriptedChild:
    """A child without a process: it sends `lines`, then nothing until it is killed."""

    lines: tuple[dict[str, object], ...] = ()
    pid, returncode = 0, 0

    def __init__(self, command: list[str], log: Path, descriptors: list[int], stdout: int | None) -> None:
        self._wire = socket.socket(fileno=os.dup(descriptors[0]))
        self._killed = threading.Event()
        threading.Thread(target=self._talk, daemon=True).start()

    def _talk(self) -> None:
        with self._wire as wire:
            wire.recv(65536)
            for line in self.lines:
                wire.sendall(json.dumps(line).encode() + b"\n")
            self._killed.wait(60)

    def send(self, number: int) -> None:
        self._killed.set()

    async def ended(self, within: float) -> bool:
        return True


async def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *lines: dict[str, object]) -> tuple[Member, list[str]]:
    monkeypatch.setattr(member_module, "Child", type("Scripted", (ScriptedChild,), {"lines": lines}))
    reported: list[str] = []
    member = Member("worker", Settings(home=tmp_path), tmp_path, reported.append)
    try:
        await member.start()
    finally:
        await member.kill()
    return member, reported


async def test_a_process_that_recovers_for_long_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deadlines: list[float | None] = []
    reschedule = asyncio.Timeout.reschedule

    def recorded(timeout: asyncio.Timeout, when: float | None) -> None:
        deadlines.append(when)
        reschedule(timeout, when)

    monkeypatch.setattr(asyncio.Timeout, "reschedule", recorded)
    member, reported = await start(monkeypatch, tmp_path, *[RECOVERING] * 4, READY)
    assert member.url == READY["url"]
    assert reported == ["worker recovers: 5 of 12 partitions are being taken over"]
    assert len(deadlines) == 1 + 4, "one at the start, and one for each sign of progress"
    assert deadlines == sorted(deadlines, key=lambda when: when or 0.0)


async def test_a_process_that_reports_nothing_more_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(member_module, "READY_WITHIN", 0.1)
    with pytest.raises(MemberFailed, match="not ready after"):
        await start(monkeypatch, tmp_path, RECOVERING)


async def test_metrics_on_a_port_of_their_own_are_found_and_stay_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    apart = Ready("gateway", "http://127.0.0.1:8", "http://127.0.0.1:9").document()
    member, _ = await start(monkeypatch, tmp_path, apart)
    assert (member.url, member.probes) == ("http://127.0.0.1:8", "http://127.0.0.1:9")
    assert member._settings.gateway_metrics_port == 9
    member, _ = await start(monkeypatch, tmp_path, READY)
    assert (member.probes, member._settings.gateway_metrics_port) == (member.url, None)
