"""What a worker says of itself before it is ready."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import cast

import pytest

from tocsin.streams.engine.engine import Engine
from tocsin.streams.processes import worker
from tocsin.streams.processes.lifecycle import Ready, Recovering


class Recovery:
    """An engine that is not ready before `ends`, and gets on or not."""

    def __init__(self, gets_on: bool) -> None:
        self.gets_on, self.ends = gets_on, monotonic() + 0.3

    def not_ready(self) -> str | None:
        return "3 of 6 partitions" if monotonic() < self.ends else None

    def moved_at(self) -> float:
        return monotonic() if self.gets_on else 0.0


@pytest.mark.parametrize("gets_on", [True, False], ids=["it gets on", "nothing moves"])
async def test_a_worker_that_recovers_says_so_only_while_it_gets_on(
    gets_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "REPORT_EVERY", 0.05)
    said: list[Ready | Recovering] = []
    started = asyncio.Event()
    started.set()
    await worker._announce(cast(Engine, Recovery(gets_on)), started, said.append, "http://here")
    assert said[-1] == Ready("worker", "http://here")
    assert set(said[:-1]) == ({Recovering("worker", "3 of 6 partitions")} if gets_on else set())
