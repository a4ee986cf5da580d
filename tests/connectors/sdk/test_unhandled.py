"""What nobody caught, of a program, a thread, a loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.sdk.conftest import Memory
from tocsin.connectors import sdk, unhandled
from tocsin.schemas.events import ProblemReported


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hooks of this test's own; what they were called with."""
    called: list[str] = []
    monkeypatch.setattr(unhandled, "_WATCHED", [])
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: called.append(kind.__name__))
    monkeypatch.setattr(threading, "excepthook", lambda told: called.append(told.exc_type.__name__))
    return called  # type: ignore[return-value]


def texts(memory: Memory) -> list[str | None]:
    return [event.problem.text for event in memory.flushed() if isinstance(event, ProblemReported)]


def test_of_a_program_and_its_threads(memory: Memory, hooks: list[str]) -> None:
    sdk.init("k:1")
    unhandled.watch_unhandled()
    unhandled.watch_unhandled()

    def fail() -> None:
        raise KeyError("thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError("program"), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert texts(memory) == ["'thread'", "program"]
    assert hooks == ["KeyError", "ValueError", "KeyboardInterrupt"], "who stood there before is called as ever"


async def test_of_a_loop(memory: Memory) -> None:
    sdk.init("k:1")
    seen: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, told: seen.append(told))
    unhandled.watch_loop()
    loop.call_exception_handler({"message": "x", "exception": ValueError("loop")})
    loop.call_exception_handler({"message": "no exception"})
    assert await asyncio.to_thread(texts, memory) == ["loop"]
    assert len(seen) == 2
