"""`make bench`: the whole bus beside Alertmanager, then one JSON object of ratios, all measured in this one run.

A benchmark, not a test: it asserts nothing. Each contender is a process of its own that reads the same topics from
their beginning; the clock runs from its first record to its last acknowledged output.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.bench.dialects import figures
from tests.bench.didcomm import didcomm_figures
from tests.bench.full_traffic import event as full_event
from tests.bench.full_traffic import tenant_of
from tests.bench.plain_traffic import TENANTS, report
from tests.bench.workload import activity, fill, make_topics
from tocsin.connectors.redaction import REDACTED
from tocsin.schemas.codec import encode
from tocsin.streams.up.broker import EmbeddedBroker

ROOT = Path(__file__).parents[2]
Configs = dict[str, dict[str, str]]
PARTS = ("deliveries", "throughput", "recovery", "latency", "publisher", "documents", "didcomm")
CHANGELOG = {"cleanup.policy": "compact", "max.message.bytes": "4259840"}


async def measure(name: str, bootstrap: str, prefix: str, events: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tests.bench.contenders.{name}", bootstrap, prefix, str(events),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        out, problems = await asyncio.wait_for(process.communicate(), 300)
    except TimeoutError:
        process.kill()
        raise SystemExit(f"bench: {name} did not finish within 300 s") from None
    lines = [line for line in out.decode().splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"bench: {name} failed:\n{problems.decode()[-3000:]}")
    figures = json.loads(lines[-1])
    events, seconds, cpu = (figures.pop(name) for name in ("events", "seconds", "cpu_seconds"))
    return {"events_per_s": round(events / seconds), "cpu_ms_per_1000": round(1e6 * cpu / events, 1), **figures}


SHARE = {
    "raw_loop": 1.0,
    "engine_count": 1.0,
    "quix_state": 1.0,
    "faust_table": 0.15,
    "decide_rules": 0.5,
    "decide_full": 0.5,
}
"""Contender -> what part of the events it folds in a round: each runs for some seconds."""


async def throughput(bootstrap: str, events: int, rounds: int, progress: Progress) -> dict[str, dict[str, float]]:
    """Every contender once a round, on topics made for the round, so that a slow minute hits everybody alike."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in SHARE}
    step = progress.add_task("throughput", total=rounds * len(SHARE))
    for turn in range(rounds):
        prefix = f"r{turn}."
        await prepare(bootstrap, prefix, events)
        for name, share in SHARE.items():
            results[name].append(await measure(name, bootstrap, prefix, int(events * share)))
            progress.advance(step)
    return {name: _median(found) for name, found in results.items()}


async def prepare(bootstrap: str, prefix: str, events: int) -> None:
    """The inputs, and the topics that the contenders write."""
    small = [(f"tenant-{number % TENANTS}".encode(), encode(activity(number))) for number in range(events)]
    await fill(bootstrap, f"{prefix}in", small)
    reports = [(f"tenant-{number % TENANTS}".encode(), report(number)) for number in range(events // 2)]
    await fill(bootstrap, f"{prefix}inbox", reports, REDACTED)  # as our publisher writes it
    story = [(tenant_of(number).encode(), full_event(number)) for number in range(events // 2)]
    await fill(bootstrap, f"{prefix}full.inbox", story, REDACTED)
    said = ("problems", "escalations", "deliveries", "dead")
    plain = ("raw-out", "count-out", "faust-out", "quix-out", *said, *(f"full.{name}" for name in said))
    outputs: Configs = {f"{prefix}{name}": {} for name in plain}
    changelogs: Configs = {f"{prefix}{name}-changelog": CHANGELOG for name in ("count", "decide", "full.decide")}
    await make_topics(bootstrap, {**outputs, **changelogs})


def _median(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(row[key] for row in found) for key in found[0]}


async def latency(progress: Progress, seconds: int) -> dict[str, object]:
    step = progress.add_task("publish -> webhook", total=1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.webhook_latency", str(seconds), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 180 + seconds)
    progress.advance(step)
    found: dict[str, object] = json.loads(out.decode().splitlines()[-1])
    return found


async def deliveries(count: int, rounds: int) -> dict[str, object]:
    """The whole bus beside Alertmanager; its table is printed at once."""
    asked = ("--deliveries", str(count), "--rounds", str(rounds))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.deliveries", *asked, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 240 + rounds * 120)
    found: dict[str, object] = json.loads(out.decode().splitlines()[-1])
    return found


async def publishing(progress: Progress) -> dict[str, object]:
    step = progress.add_task("publisher", total=1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.publishing", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await asyncio.wait_for(process.communicate(), 300)
    progress.advance(step)
    found: dict[str, object] = json.loads(out.decode().splitlines()[-1])
    return found


def ratios(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Of events a second, and (`_cpu_`) of CPU time an event."""
    hop = found["engine_count"]["events_per_s"]
    quix = found["quix_state"]["cpu_ms_per_1000"]
    against = {
        "engine_to_raw_loop": hop / found["raw_loop"]["events_per_s"],
        "engine_to_quix_state": hop / found["quix_state"]["events_per_s"],
        "engine_to_plain_faust_table": hop / found["faust_table"]["events_per_s"],
        "decide_to_raw_loop": found["decide_rules"]["events_per_s"] / found["raw_loop"]["events_per_s"],
        "decide_with_all_rules_to_raw_loop": found["decide_full"]["events_per_s"] / found["raw_loop"]["events_per_s"],
        "decide_with_all_rules_cpu_to_quix_state": found["decide_full"]["cpu_ms_per_1000"] / quix,
        "decide_of_plain_reports_cpu_to_quix_state": found["decide_rules"]["cpu_ms_per_1000"] / quix,
    }
    return {name: round(value, 2) for name, value in against.items()}


def machine() -> dict[str, object]:
    with open("/proc/meminfo") as memory:
        total = int(memory.readline().split()[1]) // 1024
    return {
        "cores": os.cpu_count(),
        "memory_mib": total,
        "python": platform.python_version(),
        "os": platform.platform(),
    }


async def with_kafka(chosen: argparse.Namespace, progress: Progress) -> dict[str, object]:
    """The contenders that read topics, with one Kafka for all of them."""
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as home:
        async with EmbeddedBroker(Path(home)) as broker:
            if "throughput" in chosen.parts:
                found = await throughput(broker.bootstrap, chosen.events, chosen.rounds, progress)
                told |= {"ratios": ratios(found), "contenders": found}
            if "recovery" in chosen.parts:
                recovered = await measure("recovery", broker.bootstrap, "rec.", chosen.rows)
                told |= {"recovery_rows_per_s": recovered["events_per_s"]}
                told |= {"recovery": {"rows": chosen.rows, **recovered}}
    return told


async def main(chosen: argparse.Namespace) -> None:
    told: dict[str, object] = {}
    if "deliveries" in chosen.parts:
        told["deliveries"] = await deliveries(chosen.deliveries, chosen.rounds)
    with Progress(console=Console(stderr=True)) as progress:
        if {"throughput", "recovery"} & {*chosen.parts}:
            told |= await with_kafka(chosen, progress)
        if "latency" in chosen.parts:
            told["publish_to_webhook"] = await latency(progress, chosen.latency_seconds)
        if "publisher" in chosen.parts:
            told["publisher"] = await publishing(progress)
    if "documents" in chosen.parts:
        told["documents_read"] = figures(1.0)
    if "didcomm" in chosen.parts:
        told["didcomm"] = await didcomm_figures(1.0)
    told |= {"events": chosen.events, "rounds": chosen.rounds, "machine": machine()}
    sys.stdout.write(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--latency-seconds", type=int, default=15)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows that are recovered")
    parser.add_argument(
        "--deliveries", type=int, default=6_000, help="of Alertmanager, and of the bus to one endpoint and to twelve"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured; all of it")
    asyncio.run(main(parser.parse_args()))
