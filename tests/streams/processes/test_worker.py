"""What a worker reports before it is ready."""

from __future__ import annotations

import asyncio
import math
from typing import cast

import pytest

from tocsin.streams.engine.engine import Engine
from tocsin.streams.processes import worker
from tocsin.streams.processes.lifecycle import Ready, Recovering


class Recovery:
    """An engine that is ready when it is asked for the tenth time, and makes progress or not."""

    def __init__(self, progresses: bool) -> None:
        self.progresses, self.asked = progresses, 0

    def not_ready(self) -> str | None:
        self.asked += 1
        return "3 of 6 partitions" if self.asked < 10 else None

    def moved_at(self) -> float:
        return math.inf if self.progresses else 0.0


@pytest.mark.parametrize("progresses", [True, False], ids=["it makes progress", "nothing moves"])
async def test_a_worker_that_recovers_reports_only_progress(progresses: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "REPORT_EVERY", 0.0)
    reported: list[Ready | Recovering] = []
    started = asyncio.Event()
    started.set()
    await worker._announce(cast(Engine, Recovery(progresses)), started, reported.append, "http://here")
    assert reported[-1] == Ready("worker", "http://here")
    assert set(reported[:-1]) == ({Recovering("worker", "3 of 6 partitions")} if progresses else set())
