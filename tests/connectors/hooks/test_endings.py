"""However a process of a service is made, and however it ends: it does not hang, and nothing that was accepted is lost.

Accepted is what `flush` has said to be safe, and where Python ends by itself, or a worker is told to, all that was
captured.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.publish.scripted_gateway import ScriptedGateway, scripted
from tocsin.connectors.publish import Spool
from tocsin.connectors.publish.requests import PublishRequest

HEAD = """
import asyncio, multiprocessing, os, signal, sys, threading, time, warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from tocsin.connectors import sdk
from tocsin.connectors.jobs import job
from tocsin.connectors.unhandled import watch_unhandled
warnings.simplefilter("ignore", DeprecationWarning)  # forks beside threads: that they go well is what is tried
warnings.simplefilter("ignore", ResourceWarning)
sdk.init(os.environ["BUS"], service="ledger")
def tell(number=0):
    assert sdk.capture(ValueError(f"page {number}"))
"""

# a program; how many problems it tells; its exit code
PROGRAMS: dict[str, tuple[str, int, int]] = {
    "ends by itself": ("tell()", 1, 0),
    "ends by sys.exit": ("tell()\nsys.exit(3)", 1, 3),
    "ends by an error": ("watch_unhandled()\nsys.excepthook = lambda *_: tell()\n1 / 0", 1, 1),
    "ends while a thread says sys.exit": (
        """
def work():
    tell()
    sys.exit(3)
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
""",
        4,
        0,
    ),
    "ends while threads of the background work on": (
        """
def work():
    while True:
        time.sleep(0.01)
threading.Thread(target=work, daemon=True).start()
tell()
""",
        1,
        0,
    ),
    "ends at once, with what was flushed": ("tell()\nassert sdk.flush(60)\nos._exit(4)", 1, 4),
    "is told to end": ("tell()\nassert sdk.flush(60)\nos.kill(os.getpid(), signal.SIGTERM)", 1, -signal.SIGTERM),
    "is killed": ("tell()\nassert sdk.flush(60)\nos.kill(os.getpid(), signal.SIGKILL)", 1, -signal.SIGKILL),
    "is interrupted": (
        """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
tell()
os.kill(os.getpid(), signal.SIGTERM)
""",
        1,
        5,
    ),
    "runs two loops": (
        """
@job("nightly")
async def main():
    tell()
    await asyncio.to_thread(tell)
    await asyncio.gather(*(asyncio.to_thread(tell) for _ in range(3)))
asyncio.run(main())
asyncio.run(main())
""",
        10,
        0,
    ),
    "ends a loop in the middle": (
        """
async def main():
    tell()
    asyncio.get_running_loop().call_soon(sys.exit, 6)
    await asyncio.sleep(60)
asyncio.run(main())
""",
        1,
        6,
    ),
    "has a pool of threads": (
        """
with ThreadPoolExecutor(8) as pool:
    list(pool.map(tell, range(80)))
""",
        80,
        0,
    ),
    "forks, and forks again": (
        """
def child(depth):
    pid = os.fork()
    if pid == 0:
        tell()
        if depth:
            child(depth - 1)
        assert sdk.flush(60)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
tell()
child(2)
child(0)
""",
        5,
        0,
    ),
    "forks while its threads tell": (
        """
over = threading.Event()
def work():
    while not over.is_set():
        sdk.capture(ValueError("of the parent"))
        time.sleep(0.001)
thread = threading.Thread(target=work)
thread.start()
children = []
for number in range(4):
    if (pid := os.fork()) == 0:
        tell("child")
        assert sdk.flush(60)
        os._exit(0)
    children.append(pid)
assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
over.set()
thread.join()
""",
        4,
        0,
    ),
    "has a pool of processes": (
        """
if __name__ == "__main__":
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(tell, range(6)))
""",
        6,
        0,
    ),
}
# whether the bus answers
BUSES = {"is there": True, "is away": False}


def accepted(gateway: ScriptedGateway, folder: Path) -> list[str]:
    """The texts of the problems that the bus has, or that are kept for it; each event once."""
    spool, found = Spool(folder, kind="http"), {key: body for key, body, _ in gateway.posts}
    spool.prepare()
    while records := spool.take(64 * 1024):
        requests = [PublishRequest.read(record) for record in records]
        found |= {request.headers["idempotency-key"]: request.body for request in requests}
        spool.ack(len(records))
    spool.close()
    texts = [json.loads(body).get("text") for body in found.values()]
    return [text for text in texts if text is not None and text.startswith("page")]


@pytest.mark.parametrize("bus", BUSES, ids=list(BUSES))
@pytest.mark.parametrize("name", PROGRAMS, ids=list(PROGRAMS))
def test_a_program_that(name: str, bus: str, tmp_path: Path) -> None:
    code, count, ends = PROGRAMS[name]
    with scripted() as gateway:
        address = gateway.url if BUSES[bus] else "http://127.0.0.1:1"
        program = subprocess.run(
            [sys.executable, "-c", HEAD + code],
            env={**os.environ, "BUS": address, "TOCSIN_SPOOL": str(tmp_path / "spool")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert program.returncode == ends, program.stderr
        assert "did not confirm" not in program.stderr
        assert len(accepted(gateway, tmp_path / "spool")) == count, program.stderr
