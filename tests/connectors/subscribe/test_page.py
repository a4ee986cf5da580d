"""docs/subscribe.md and the README: their programs run as printed; those that read Kafka, with a real one too."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.subscribe.events import digested, make_topics, opened, write
from tocsin.connectors.subscribe import MemorySubscriber, SyncSubscriber
from tocsin.schemas.events import Event

ROOT = Path(__file__).parents[3]
PAGE, README = ((ROOT / name).read_text("utf-8") for name in ("docs/subscribe.md", "README.md"))
PROGRAMS: list[str] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
EVENTS: list[Event] = [opened(1), opened(2, code="e.p.trust"), opened(3, tenant="gone"), digested()]


class FromMemory:
    """A Subscriber that reads a list."""

    def __new__(cls, address: str, *, group: str, **settings: Any) -> Any:
        return MemorySubscriber(EVENTS, **settings)

    @staticmethod
    def sync(address: str, **settings: Any) -> SyncSubscriber:
        return SyncSubscriber(lambda: FromMemory(address, **settings))


LINES = "".join(f"ProblemOpened case-{n} e.p.xfer.cant-use-endpoint number {n}\n" for n in (1, 3))
LINES += "ProblemsDigested None None None\n"
PRINTED = {
    "Subscriber.sync(": LINES,
    "async for": LINES,
    "DeadLetter(": "booked case-1 1\nbooked case-2 1\nbooked None 1\n",
    "SubscriberMetrics(": "",
    "MemorySubscriber(": "",
}
"""What each program says of EVENTS, by something that it alone has."""


def program(words: str) -> str:
    (found,) = [one for one in PROGRAMS if words in one]
    return found


def test_each_program_is_known() -> None:
    assert sorted(map(program, PRINTED)) == sorted(PROGRAMS)
    assert program("Subscriber.sync(") in README


@pytest.mark.parametrize("words", PRINTED)
def test_runs_as_printed(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if words != "MemorySubscriber(":
        monkeypatch.setattr("tocsin.connectors.subscribe.Subscriber", FromMemory)
    exec(program(words), {"__name__": "page"})
    assert capsys.readouterr().out == PRINTED[words]


@pytest.mark.parametrize("words", ["Subscriber.sync(", "async for"])
async def test_reads_a_real_kafka_until_ctrl_c(bootstrap: str, prefix: str, words: str) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(1)])
    environment = {**os.environ, "TOCSIN_PREFIX": prefix, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program(words).replace("localhost:9092", bootstrap),
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(90):
        assert (await process.stdout.readline()).decode() == LINES.splitlines(keepends=True)[0]
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
    assert said.decode().rstrip().endswith("KeyboardInterrupt"), said.decode()
