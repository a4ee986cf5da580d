"""SIGTERM and SIGINT at several moments of a process's life, without a Kafka: exit code 0 and no traceback.

The Kafka here takes connections and never answers: what waits for it waits for as long as its time-outs are.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.harness.bus import COMMAND
from tests.harness.signalled import until_handled, with_text

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

WITHIN = 30.0
"""Far more than the 10 s that are promised; the time-outs of the clients are 40 s."""

WITH_KAFKA = ["worker", "gateway", "dispatch", "up"]


@pytest.fixture
def silent_kafka() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        server.setblocking(False)
        yield server


class Started:
    """A process that was started, with all that it wrote."""

    def __init__(self, process: asyncio.subprocess.Process, stderr: Path) -> None:
        self.process, self.pid, self._stderr = process, process.pid, stderr

    async def ended(self, number: signal.Signals) -> tuple[int | None, str]:
        """Send the signal; the exit code and stderr, or None when it runs on."""
        self.process.send_signal(number)
        try:
            await asyncio.wait_for(self.process.wait(), WITHIN)
        except TimeoutError:
            return None, self._stderr.read_text("utf-8", "replace")
        return self.process.returncode, self._stderr.read_text("utf-8", "replace")


async def start(name: str, kafka: socket.socket, home: Path) -> Started:
    stderr = home.with_suffix(f".{name}.stderr")
    environment = {
        "TOCSIN_BOOTSTRAP": f"127.0.0.1:{kafka.getsockname()[1]}",
        "TOCSIN_HOME": str(home),
        "TOCSIN_PORT": "0",
        "TOCSIN_METRICS_PORT": "0",
    }
    with stderr.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", COMMAND, name,
            env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=output,
        )  # fmt: skip
    return Started(process, stderr)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Path]:
    """A folder that names the processes of a test: none may be left."""
    folder = tmp_path / "home"
    yield folder
    left = with_text(str(folder))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes outlived the one that was asked to stop"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", [*WITH_KAFKA, "broker", "receive"])
async def test_it_ends_while_it_imports(
    name: str, number: signal.Signals, silent_kafka: socket.socket, home: Path
) -> None:
    started = await start(name, silent_kafka, home)
    await until_handled(started.pid)  # the last handler that is set; for SIGINT Python has one of its own before
    assert await started.ended(number) == (0, "")


@pytest.mark.parametrize("name", WITH_KAFKA)
async def test_it_ends_while_it_waits_for_kafka(name: str, silent_kafka: socket.socket, home: Path) -> None:
    started = await start(name, silent_kafka, home)
    with (await asyncio.wait_for(asyncio.get_running_loop().sock_accept(silent_kafka), 120))[0]:
        code, stderr = await started.ended(signal.SIGTERM)
    assert code == 0, stderr
    assert "Traceback" not in stderr
