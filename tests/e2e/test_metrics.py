"""What the processes of a real bus show is the catalogue, and promtool finds nothing to mend."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import aiohttp
import pytest

from tests.harness.bus import Bus
from tests.harness.extras import needs
from tests.harness.receiver import Receiver, rules_for
from tocsin.connectors.metrics import CATALOGUE, Process

PROCESSES = ("gateway", "worker", "dispatch", "project")
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def in_the_catalogue(process: str) -> dict[str, str]:
    return {metric.name: metric.kind.value for metric in CATALOGUE.values() if Process(process) in metric.processes}


def shown(text: str) -> dict[str, str]:
    """Name and kind of each metric of ours in Prometheus' text."""
    said = (line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE tocsin_"))
    return {name: kind for name, kind in said}  # noqa: C416


def labels_of(text: str) -> dict[str, set[str]]:
    """The labels of the series of each metric of ours."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line.startswith("tocsin_") and "{" in line:
            name, _, rest = line.partition("{")
            for suffix in ("_bucket", "_sum", "_count"):
                name = name if name in CATALOGUE else name.removesuffix(suffix)
            found.setdefault(name, set()).update(part.partition("=")[0] for part in rest.rpartition("}")[0].split(","))
    return found


@pytest.mark.timeout(240)
async def test_what_real_processes_show_is_the_catalogue(bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Receiver() as receiver, Bus(bootstrap, prefix, tmp_path) as bus, aiohttp.ClientSession() as session:
        bus.rules(rules_for(receiver.url))
        bus.environment["TOCSIN_STORE"] = f"sqlite:///{tmp_path}/store.db"
        started = [await bus.start(name, **({"TOCSIN_PORT": "0"} if name == "gateway" else {})) for name in PROCESSES]
        children = dict(zip(PROCESSES, await asyncio.gather(*(one.ready() for one in started)), strict=True))
        traced = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        document = {"type": "https://didcomm.org/report-problem/2.0/problem-report", "body": {"code": "e.p.xfer"}}
        async with session.post(
            f"{children['gateway'].url}/v1/problems?dialect=didcomm2", json=document, headers=traced
        ) as answer:
            assert answer.status == 202, await answer.text()
        async with asyncio.timeout(90):
            while not receiver.arrivals:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        scraped = list[str]()
        for name, child in children.items():
            texts = []
            for accept in ({}, OPENMETRICS):
                async with session.get(f"{child.url}/metrics", headers=accept) as answer:
                    texts.append(await answer.text())
                    assert answer.content_type == ("application/openmetrics-text" if accept else "text/plain")
            plain, openmetrics = texts
            assert shown(plain) == in_the_catalogue(name), name
            for metric, labels in labels_of(plain).items():
                assert labels - {"le"} == set(CATALOGUE[metric].labels), metric
            assert openmetrics.endswith("# EOF\n")
            assert (f'# {{trace_id="{"a" * 32}"}}' in openmetrics) == (name in ("gateway", "dispatch"))
            scraped.append(plain)
        promtool = needs("promtool")  # last: without it the rest was looked at all the same
        for text in scraped:
            _checked(promtool, text)


def _checked(promtool: str, text: str) -> None:
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
