"""The README's tour of asking, as printed; and a stream of events that misses nothing when its gateway is killed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus
from tocsin.connectors.publish import Publisher, problem

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
RULES = """endpoints:
  operators: {sink: memory}
default_route: {endpoint: operators}
routes: [{name: all, endpoints: operators, escalate: on-call}]
escalations:
  on-call: {steps: [{wait: 1h, endpoints: operators}]}
"""
EVENTS = 60
DECISIONS = "ProblemOpened,ProblemRepeated,ProblemSuppressed"


def tour() -> str:
    found = re.search(r"```sh\n(.*?)```", README.partition("## Ask")[2], re.DOTALL)
    assert found
    return found[1]


async def test_the_tour_of_the_readme(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(RULES)
        children = [await bus.start(name) for name in ("worker", "dispatch", "project", "gateway")]
        for child in children:
            await child.ready()
        script = tour().replace("http://127.0.0.1:8700", children[-1].url)
        script = re.sub(r"^curl (.*?[^\\,{}])$", r"curl \1; echo", script, flags=re.MULTILINE)
        told = await asyncio.to_thread(
            subprocess.run, ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=120,
            env=os.environ, check=False,
        )  # fmt: skip
        assert told.returncode == 0, (told.stdout, told.stderr)
        lines = told.stdout
        assert '"code":"e.p.xfer.cant-use-endpoint"' in lines
        assert "<h1>No way to https://example.org</h1>" in lines
        assert '"type":"https://didcomm.org/report-problem/2.0/problem-report"' in lines
        assert re.search(r'"error":\{[^}]*"title":"The ledger did not answer"', lines), lines
        assert '"entry":"activity"' in lines
        assert '"outcome":"done"' in lines
        async with aiohttp.ClientSession() as http:
            while True:  # the store is a moment behind; the test has its time limit
                async with http.get(f"{children[-1].url}/v1/cases?tenant=default") as answer:
                    if '"status":"acknowledged"' in await answer.text():
                        break
                await asyncio.sleep(0.1)


async def heard_until(url: str, since: str | None, enough: int) -> tuple[list[str], str]:
    """The reports that were decided, from a position on, and the position behind the last one."""
    headers = {} if since is None else {"last-event-id": since}
    heard: list[str] = []
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url}/v1/events?type={DECISIONS}&tenant=acme", headers=headers) as answer,
    ):
        assert answer.status == 200, await answer.text()
        position, event = since or "", ""
        async for raw in answer.content:
            line = raw.decode().strip()
            if line.startswith("id: "):
                position = line[4:]
            elif line.startswith("data: "):
                event = json.loads(line[6:])["report"]
            elif not line and event:
                heard, event = [*heard, event], ""
            if position and len(heard) >= enough:
                break
    return heard, position


async def test_a_stream_goes_on_at_another_gateway(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Bus(bootstrap, prefix, tmp_path) as bus:
        bus.rules(RULES)
        worker, one, other = [await bus.start(name) for name in ("worker", "gateway", "gateway")]
        await asyncio.gather(worker.ready(), one.ready(), other.ready())
        _, position = await heard_until(one.url, None, 0)
        reports = []
        async with Publisher(bootstrap, prefix=prefix) as publisher:
            for number in range(EVENTS):
                said = problem("e.p.msg", text=f"number {number}", thread_id=f"thread-{number}")
                reports.append((await publisher.publish(said, tenant="acme")).event_id)
                await publisher.publish(said, tenant="globex")
        heard, position = await heard_until(one.url, position, EVENTS // 3)
        await one.kill()
        more, _ = await heard_until(other.url, position, EVENTS - len(heard))
        assert sorted(heard + more) == sorted(reports)
