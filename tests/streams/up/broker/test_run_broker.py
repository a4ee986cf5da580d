"""`tocsin broker` in the foreground."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tocsin.streams.processes.kafka import answers

COMMAND = """
import asyncio, sys
from pathlib import Path
from tocsin.streams.up.broker.embedded import run_broker
from tocsin.streams.settings import Settings

asyncio.run(run_broker(Settings(home=Path(sys.argv[1]))))
"""


async def _start(home: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", COMMAND, str(home), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_answers_until_it_is_asked_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    process = await _start(tmp_path)
    assert process.stdout
    word, bootstrap = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().split()
    assert word == "bootstrap"
    assert await answers(bootstrap)
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert not await answers(bootstrap)


@pytest.mark.kafka
async def test_a_stop_during_the_start_is_obeyed_at_once(tmp_path: Path) -> None:
    process = await _start(tmp_path)
    while not (tmp_path / "kafka" / "ports.json").exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert process.stdout
    assert await process.stdout.read() == b"", "the start was given up before Kafka answered"
