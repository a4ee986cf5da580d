"""Prometheus looks at a whole bus under a load: every panel has its data, no query and no rule fails, every link leads
somewhere; and `tocsin up --watch` starts, mends and ends what watches."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time
from typing import Any

import aiohttp
import pytest

from tests.deploy.asked import RULES, dashboards, panels, rules
from tests.e2e.test_up import children, ended_within
from tests.harness.busy_bus import BusyBus, receivers
from tests.harness.extras import needs
from tests.harness.prometheus import Prometheus, prometheus
from tests.harness.standin_grafana import PROGRAM, install

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

WITHIN = 240.0
"""Seconds in which every panel must have its data; some are counted twice a minute."""
CHOSEN = {
    "$__interval_ms": "10000", "$__interval": "10s", "$__rate_interval": "10s", "$__range:1m": "10m:5s",
    "$__range": "10m", "$bus": ".*", "$tenant": ".*", "$endpoint": ".*",
}  # fmt: skip
"""What Grafana puts in the place of variables."""
EXAMPLES = {
    "page": "", "__from:date:iso": "2026-01-01T00:00:00.000Z", "__field.labels.code": "e.p.msg",
    "__data.fields.code": "e.p.msg", "__field.labels.tenant": "acme", "__data.fields.tenant": "acme",
    "__field.labels.endpoint": "well", "__data.fields.endpoint": "well",
}  # fmt: skip


def expression(expr: str) -> str:
    """As Grafana asks it, with everything chosen."""
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    return expr


@asynccontextmanager
async def up(folder: Path, rules_text: str, **environment: str) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """A running `tocsin up --watch`: its pid, and its line."""
    (folder / "rules.yaml").write_text(rules_text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    with (folder / "up.err").open("w") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tocsin.streams.cli.main", "up", "--json", "--watch", "--port", "0",
            "--home", str(folder / "home"), "--rules", str(folder / "rules.yaml"),
            stdout=asyncio.subprocess.PIPE, stderr=errors, env=clean | environment,
        )  # fmt: skip
    try:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 150)
        assert line, (folder / "up.err").read_text()
        yield process.pid, json.loads(line)
        started = list(children(process.pid))
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 100) == 0
        assert ended_within(started, 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def fast_config(folder: Path) -> str:
    """What `tocsin config scrape` prints, looked at every second."""
    said = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin.streams.cli.main", "config", "scrape", stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"TOCSIN_HOME": str(folder / "home")},
    )  # fmt: skip
    printed = (await said.communicate())[0].decode()
    for file in RULES:
        copy = folder / file.name
        copy.write_text(file.read_text("utf-8").replace("interval: 30s", "interval: 2s"), "utf-8")
        assert str(file) in printed
        printed = printed.replace(str(file), str(copy))
    return "global: {evaluation_interval: 2s}\n" + printed.replace("scrape_interval: 15s", "scrape_interval: 1s")


def asked() -> dict[str, tuple[str, bool]]:
    """Everything that a dashboard asks -> (expression, whether it is asked for one moment)."""
    found = {
        f"{name}: {panel['title']}: {target['refId']}": (expression(target["expr"]), bool(target["instant"]))
        for name, panel in panels()
        for target in panel["targets"]
    }
    marks = next(iter(dashboards().values()))["annotations"]["list"]
    return found | {f"mark: {mark['name']}": (expression(mark["expr"]), False) for mark in marks}


def has_data(series: list[dict[str, Any]]) -> bool:
    """Whether there is a number in it."""
    values = [value for one in series for value in one.get("values", [one.get("value")])]
    return any(math.isfinite(float(value)) for _, value in values)


async def empty(server: Prometheus, wanted: dict[str, tuple[str, bool]], since: float) -> dict[str, tuple[str, bool]]:
    """What has no data yet. Raises AssertionError for a query that fails."""
    without = {}
    for name, (expr, instant) in wanted.items():
        if instant:
            series = await server.query(expr)
        else:
            span = {"start": str(since), "end": str(time()), "step": "5"}
            series = (await server.get("query_range", query=expr, **span))["result"]
        if not has_data(series):
            without[name] = (expr, instant)
    return without


async def every_panel_has_data(server: Prometheus, bus: BusyBus) -> None:
    """Under the load, until it is so."""
    since, left = time(), asked()
    while left and time() - since < WITHIN:
        await bus.round()
        left = await empty(server, left, since)
    assert left == {}


async def no_rule_fails(server: Prometheus) -> None:
    """Each was evaluated; those that had to fire did, and what alerts say was put together."""
    groups = (await server.get("rules"))["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert {rule["name"] for rule in found} == {rule.get("alert") or rule["record"] for rule in rules()}
    assert {rule["name"]: rule.get("lastError") for rule in found if rule["health"] != "ok"} == {}
    alerts = await fired(server, {"TocsinHeartbeat", "TocsinDeadLetters", "TocsinEscalationExhausted"})
    pending = {alert["labels"]["alertname"] for alert in alerts}
    assert pending >= {"TocsinBreakerOpen", "TocsinEndpointOff"}
    assert "error" not in json.dumps([alert["annotations"]["summary"] for alert in alerts if "<" in str(alert)])


async def fired(server: Prometheus, wanted: set[str]) -> list[dict[str, Any]]:
    """All alerts, as soon as these fire: the last step of an escalation comes when all panels have long had data."""
    async with asyncio.timeout(90):
        while True:
            alerts = list((await server.get("alerts"))["alerts"])
            if wanted <= {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}:
                return alerts
            await asyncio.sleep(1)


async def every_link_leads_somewhere(bus: BusyBus) -> None:
    """With examples of what is clicked on."""
    links = {link["url"] for _, panel in panels() for link in panel["fieldConfig"]["defaults"].get("links", ())} | {
        "${page}/v1/problems"
    }
    answers = {}
    for link in links:
        url = re.sub(r"\$\{([^}]*)\}", lambda match: EXAMPLES[match[1]], link)
        async with bus.session.get(f"{bus.api}{url}", headers={"accept": "application/json"}) as answer:
            answers[link] = answer.status
    assert {link: status for link, status in answers.items() if status != 200} == {}


def standins(pid: int) -> list[int]:
    """The processes that stand in for Grafana's server."""
    return [one for one, command in children(pid).items() if "standin_grafana" in command]


async def what_watches_is_mended(pid: int, line: dict[str, Any], session: aiohttp.ClientSession) -> None:
    """Prometheus knows the processes and the rules; Grafana's server is started again when it dies."""
    watch = line["watch"]
    async with session.get(f"{watch['prometheus']}/api/v1/targets") as answer:
        targets = (await answer.json())["data"]["activeTargets"]
    assert {one["labels"]["process"] for one in targets} == {"gateway", "worker", "dispatch", "project"}
    async with session.get(f"{watch['prometheus']}/api/v1/rules") as answer:
        assert len((await answer.json())["data"]["groups"]) >= 3
    [grafana] = standins(pid)
    os.kill(grafana, signal.SIGKILL)
    async with asyncio.timeout(60):
        while not set(standins(pid)) - {grafana}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_it_is_seen(tmp_path: Path, bootstrap: str, prefix: str) -> None:
    needs("prometheus")
    install(tmp_path / "bin")
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "TOCSIN_BOOTSTRAP": bootstrap,
        "TOCSIN_PREFIX": prefix,
        "TOCSIN_TENANT_RATE": "0",  # a round of the busy bus is as quick as the gateway answers
    }
    async with (
        receivers() as rules_text,
        up(tmp_path, rules_text, **environment) as (pid, line),
        prometheus(tmp_path, await fast_config(tmp_path)) as server,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
    ):
        assert line["watch"]["prometheus"]
        assert line["watch"]["grafana"], PROGRAM
        bus = BusyBus(line["api"], bootstrap, prefix, session)
        async with asyncio.timeout(60):
            while not has_data(await server.query("tocsin_silences")):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        await bus.silence()
        await bus.round()
        [worker] = [one for one, command in children(pid).items() if " worker " in command]
        os.kill(worker, signal.SIGKILL)
        await every_panel_has_data(server, bus)
        await no_rule_fails(server)
        await every_link_leads_somewhere(bus)
        await what_watches_is_mended(pid, line, session)
