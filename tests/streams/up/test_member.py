"""How long `tocsin up` waits for a process: as long as it gets on."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from tocsin.streams.settings import Settings
from tocsin.streams.up import member as member_module
from tocsin.streams.up.member import Member, MemberFailed

RECOVERING: dict[str, object] = {"recovering": "5 of 12 partitions are being taken over"}
READY: dict[str, object] = {"ready": True, "url": "http://127.0.0.1:9"}


class Spoken:
    """A child without a process: it says `lines`, one each 0.1 s."""

    lines: tuple[dict[str, object], ...] = ()
    pid, returncode = 0, 0

    def __init__(self, command: list[str], log: Path, descriptors: list[int]) -> None:
        self._wire = socket.socket(fileno=os.dup(descriptors[0]))
        threading.Thread(target=self._talk, daemon=True).start()

    def _talk(self) -> None:
        with self._wire as wire:
            wire.recv(65536)
            for line in self.lines:
                time.sleep(0.1)
                wire.sendall(json.dumps(line).encode() + b"\n")
            time.sleep(0.5 if self.lines[-1] is RECOVERING else 0.0)

    def send(self, number: int) -> None: ...

    async def ended(self, within: float) -> bool:
        return True


async def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *lines: dict[str, object]) -> tuple[Member, list[str]]:
    monkeypatch.setattr(member_module, "Child", type("Said", (Spoken,), {"lines": lines}))
    monkeypatch.setattr(member_module, "READY_WITHIN", 0.25)
    said: list[str] = []
    member = Member("worker", Settings(home=tmp_path), tmp_path, said.append)
    try:
        await member.start()
    finally:
        await member.kill()
    return member, said


async def test_a_process_that_recovers_for_long_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    member, said = await start(monkeypatch, tmp_path, *[RECOVERING] * 4, READY)
    assert member.url == READY["url"]
    assert said == ["worker recovers: 5 of 12 partitions are being taken over"]


async def test_a_process_that_says_nothing_more_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MemberFailed, match="not ready after"):
        await start(monkeypatch, tmp_path, RECOVERING)
