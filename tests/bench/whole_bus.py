"""`tocsin up`, with a Kafka of its own, as two contenders: what is told at one endpoint, and at twelve."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar

from tests.bench.process_times import cpu_below
from tests.harness.receiver import SECRET
from tocsin.connectors.publish import Publisher, problem

TWELVE = 12
WORDS = ("kafka", "worker", "dispatch", "gateway", "project")
"""The processes by a word of their command line; the rest of what `tocsin up` has started is `other`."""


def rules(url: str) -> str:
    """Codes that begin with `one` are told at one endpoint, those with `twelve` at twelve."""
    endpoints = "".join(
        f"  e{number}: {{sink: webhook, url: '{url}/{number}', secret: {SECRET}, allow_private: true}}\n"
        for number in range(TWELVE)
    )
    everyone = ", ".join(f"e{number}" for number in range(TWELVE))
    return f"""\
endpoints:
{endpoints}default_route: e0
limits: {{thread_errors: 0, repeat_window: 0s}}
routes:
  - {{name: one, match: {{code: one}}, endpoints: e0}}
  - {{name: twelve, match: {{code: twelve}}, endpoints: [{everyone}]}}
"""


@dataclass
class WholeBus:
    """A running bus, whose problems go to so many endpoints."""

    name: str
    code: str
    each: int
    pid: int
    publisher: Publisher
    runs: ClassVar[count[int]] = count()

    def cpu(self) -> dict[str, float]:
        return cpu_below(self.pid, WORDS)

    async def publish(self, problems: int) -> None:
        run = f"r{next(self.runs)}-"
        await asyncio.gather(*(self._publish(run, number) for number in range(problems)))

    async def _publish(self, run: str, number: int) -> None:
        thread = f"thread-{run}{number}"
        told = problem(f"{self.code}.{run}{number}", text=f"problem {number}", thread_id=thread)
        await self.publisher.publish(told, tenant=f"tenant-{number % 50}")


@asynccontextmanager
async def whole_bus(folder: Path, receiver: str, *, store: bool = False) -> AsyncIterator[list[WholeBus]]:
    """One that is ready, as two contenders: told at one endpoint, and at twelve. It ends with the block.

    `store`: whether the projector writes all of it into a SQLite database, as it does where that is installed.
    """
    module = "tocsin.streams.cli.main" if store else "tests.bench.up_without_store"
    file = folder / "rules.yaml"
    file.write_text(rules(receiver))
    up = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "up", "--json", "--home", str(folder / "bus"), "--port", "0",
        "--rules", str(file), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert up.stdout is not None
        ready = json.loads(await asyncio.wait_for(up.stdout.readline(), 120))
        async with Publisher(ready["bootstrap"]) as publisher:
            await publisher.check()
            yield [
                WholeBus("Tocsin, 1 endpoint", "one", 1, up.pid, publisher),
                WholeBus("Tocsin, 12 endpoints", "twelve", TWELVE, up.pid, publisher),
            ]
    finally:
        with contextlib.suppress(ProcessLookupError):
            up.send_signal(signal.SIGTERM)
        await up.wait()
