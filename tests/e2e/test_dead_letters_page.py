"""docs/dead-letters.md: its commands run as printed."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from tests.harness.bus import Bus
from tests.harness.receiver import Receiver, rules_for
from tests.harness.traffic import arrived, publish_some
from tests.streams.cli.dead.letters import REPORT, died
from tocsin.connectors.kafka import open_producer

PAGE = (Path(__file__).parents[2] / "docs" / "dead-letters.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ tocsin (.*)$", PAGE, re.MULTILINE)
OTHER_CODES = {"dead purge --before 30d --dry-run": 1}
"""Exit codes that are not 0: there is nothing so old here."""


@pytest.mark.timeout(480)
async def test_the_page_runs_as_printed(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    assert len(COMMANDS) == 10
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(rules_for(receiver.url))
        worker, dispatch = await bus.start("worker"), await bus.start("dispatch")
        await asyncio.gather(worker.ready(), dispatch.ready())
        await arrived(receiver, await publish_some(bootstrap, prefix, 3))
        async with open_producer(bootstrap) as producer:
            for number in range(18):
                headers = died("old" if number < 3 else "raised", topic=f"{prefix}inbox")
                await producer.send_and_wait(f"{prefix}dead", REPORT, key=b"acme", headers=headers, partition=3)
        for line in COMMANDS:
            code, said = await bus.run(*shlex.split(line))
            assert code == OTHER_CODES.get(line, 0), f"{line}: {said}"
        assert receiver.arrivals[-1].headers["tocsin-replay"] == "1"
