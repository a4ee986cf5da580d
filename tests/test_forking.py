"""The processes that tests fork are processes as any other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.harness.forking import start

SHOWN = """
import json, os, signal, sys
from tocsin.streams.processes import worker
descriptors = [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
interrupted = signal.getsignal(signal.SIGINT) is signal.default_int_handler
print(json.dumps([dict(os.environ), os.getcwd(), sys.argv[1:], sorted(descriptors), interrupted]), flush=True)
print("and this", file=sys.stderr)
sys.exit(7)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


async def test_it_has_its_own_environment_folder_arguments_and_output(tmp_path: Path) -> None:
    process = await start(SHOWN, ("one", "two"), {"ONLY": "this"}, tmp_path)
    written = (await process.communicate())[0].decode()
    environment = '{"ONLY": "this"}'
    assert written == f'[{environment}, "{tmp_path}", ["one", "two"], [0, 1, 2], true]\nand this\n'
    assert process.returncode == await process.wait() == 7


async def test_it_is_ended_by_its_pid_and_its_end_is_told(tmp_path: Path) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with (tmp_path / "log").open("wb") as log:
        processes = [await start(code, (), os.environ, tmp_path, log) for _ in range(2)]
    for process, number in zip(processes, (signal.SIGKILL, signal.SIGTERM), strict=True):
        assert process.stdout is not None
        assert int(await process.stdout.readline()) == process.pid
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 60) == -number
        with pytest.raises(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
