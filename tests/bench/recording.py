"""What counting costs a worker, and what a scrape costs: `python -m tests.bench.recording --against COMMIT`.

Counted: bytecodes an event of `WorkerMetrics.written`, with a backlog (500 events a batch) and without (one), here and
at a commit. Measured: how long a scrape takes and how large it is, when 100,000 strangers filled every label.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from tests.bench.fold import ROOT, tree_of
from tests.bench.folding import Count
from tocsin.schemas.events import DeliveryAttempt, DeliveryRequested, ProblemOpened, ThreadContext
from tocsin.schemas.problem import Problem, Severity, Source
from tocsin.streams.engine.fold import Folded
from tocsin.streams.rules.decision import DELIVERIES, PROBLEMS, Emit

BASE = "6fd7998"
"""The commit before metrics were made from one catalogue."""
EVENTS = 5_000
STRANGERS = 100_000


class Decide:
    """The name of a rule set is all that counting asks of it."""

    name = "decide"


def decisions(number: int, *, strange: bool = False) -> list[object]:
    """What one report leads to: a case, a delivery and an attempt; of 20 services and 30 codes, or of strangers."""
    who, code = (f"{number:064d}", f"{number:032d}") if strange else (f"service-{number % 20}", f"e.p.c-{number % 30}")
    common: dict[str, Any] = {"event_id": "e", "tenant": who, "occurred_at": 1, "recorded_at": 1}
    problem = Problem(dialect="didcomm2", code=code, severity=Severity.ERROR, source=Source(sender=who))
    asked = common | {"delivery_id": "d", "endpoint": who, "about": "r", "content_type": "x", "body": b""}
    opened = ProblemOpened(
        **common, case="c", report="r", problem=problem, thread=ThreadContext(first_seen=1, last_seen=1)
    )
    told = (opened, DeliveryRequested(**asked), DeliveryAttempt(**asked, attempt=1))
    return [Emit(PROBLEMS if event is opened else DELIVERIES, "c", event) for event in told]


def worker_metrics(registry: CollectorRegistry) -> Any:
    """The metrics of a worker, of a tree that has the catalogue or of one before."""
    made = import_module("tocsin.streams.telemetry.metrics").WorkerMetrics
    try:
        return made(import_module("tocsin.connectors.metrics.making").Meters(registry))
    except ImportError:
        return made(registry)


def counted(batch: int) -> float:
    """Bytecodes an event, in batches of so many, once all labels are known."""
    metrics, count = worker_metrics(CollectorRegistry()), Count()
    batches = [
        Folded(taken=batch, decisions=[one for number in range(start, start + batch) for one in decisions(number)])
        for start in range(0, EVENTS, batch)
    ]

    def run() -> None:
        for folded in batches:
            metrics.written(Decide(), 0, folded)

    run()
    count(run, EVENTS)
    return float(count.figures()["bytecodes"])


def scraped() -> dict[str, float]:
    """Bytes and milliseconds of a scrape, the least of five, after STRANGERS filled every label."""
    registry = CollectorRegistry()
    metrics = worker_metrics(registry)
    for number in range(STRANGERS):
        metrics.written(Decide(), 0, Folded(taken=1, decisions=decisions(number, strange=True)))
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        text = generate_latest(registry)
        taken.append(1000 * (time.perf_counter() - started))
    return {"scrape_bytes": len(text), "scrape_ms": round(min(taken), 1)}


def figures(tree: Path) -> dict[str, float]:
    """Those of a tree, in a process of its own."""
    sources = os.pathsep.join(str(tree / name) for name in ("schemas", "connectors", "streams"))
    command = [sys.executable, "-m", "tests.bench.recording", "--alone"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": sources}, check=True, capture_output=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", default=BASE)
    parser.add_argument("--alone", action="store_true", help="only this tree, as JSON")
    asked = parser.parse_args()
    if asked.alone:
        backlog, single = counted(500), counted(1)
        print(json.dumps({"bytecodes_of_500": backlog, "bytecodes_of_1": single} | scraped()))
    else:
        with tree_of(asked.against) as before:
            then, now = figures(before), figures(ROOT)
        for name, value in now.items():
            print(f"{name:18} {value:12,.1f}  at {asked.against}: {then[name]:12,.1f}  ratio {value / then[name]:.2f}")
