"""`make simulate`: one long simulation, with what it saw at the end; exit 1 names the first promise that was broken."""

from __future__ import annotations

import argparse
import json
import sys
from time import perf_counter
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation import planted_bugs
from tests.simulation.broken import Broken
from tests.simulation.plan import Plan, long_plan
from tests.simulation.simulated_bus import Simulation

SHORT = 1000
"""Fewer events than this are simulated as in CI: much happens to each of them."""


def main() -> int:
    """Returns the exit code."""
    wanted = _arguments()
    short = wanted.events < SHORT
    plan = Plan(seed=wanted.seed, events=wanted.events) if short else long_plan(wanted.seed, wanted.events)
    plan = msgspec.structs.replace(plan, partitions=wanted.partitions, workers=wanted.workers)
    if wanted.plant:
        plan = msgspec.structs.replace(plan, writer=getattr(planted_bugs, wanted.plant))
    console = Console(stderr=True)
    began = perf_counter()
    columns = (TextColumn("seed {task.fields[seed]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[days]} days"), console=console, disable=wanted.json) as progress:
        bar = progress.add_task("events", total=plan.events, seed=plan.seed, days=0)

        def show(published: int) -> None:
            progress.update(bar, completed=published, days=f"{simulation.days():,.0f}")

        simulation = Simulation(plan, show)
        broken = _run(simulation)
    found = summary(simulation, perf_counter() - began)
    sys.stdout.write((json.dumps(found) if wanted.json else _table(found)) + "\n")
    if broken is None:
        return 0
    size = f"--partitions {plan.partitions} --workers {plan.workers}"
    again = f"make simulate SEED={plan.seed} EVENTS={plan.events} SIMULATE='{size}'"
    sys.stderr.write(f"seed {plan.seed}, after {simulation.published} events: {broken}\nreplay it: {again}\n")
    return 1


def _run(simulation: Simulation) -> Broken | None:
    try:
        simulation.run()
    except Broken as broken:
        return broken
    return None


def summary(simulation: Simulation, seconds: float) -> dict[str, Any]:
    """What a simulation saw. `events` were published, `folded` are all records that the agents decided on."""
    judge = simulation.judge
    folded = sum(twin.records for twin in judge.twins.values())
    return {
        "seed": simulation.plan.seed,
        "partitions": simulation.plan.partitions,
        "workers": simulation.plan.workers,
        "events": simulation.published,
        "folded": folded,
        "timers": sum(rules.fires for rules in judge.rules),
        "said": judge.speech.said,
        "repeats": judge.speech.repeats,
        "virtual_days": round(simulation.days(), 1),
        "crashes": simulation.group.kills,
        "take_overs": simulation.group.take_overs,
        "moves": simulation.group.moves,
        "void_batches": sum(twin.void for twin in judge.twins.values()),
        "silences": sum(rules.silences for rules in judge.rules),
        "outcomes": dict(judge.problems.outcomes),
        "deliveries": dict(judge.deliveries.ended),
        "timers_told": dict(judge.timers.counts),
        "seconds": round(seconds, 1),
        "events_per_second": round(simulation.published / seconds),
        "folded_per_second": round(folded / seconds),
        "fingerprint": simulation.kafka.fingerprint(),
    }


def _table(found: dict[str, Any]) -> str:
    return "\n".join(f"{name:<18} {value}" for name, value in found.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Simulate the bus: one seed, many events, a virtual clock, faults.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--partitions", type=int, default=3, help="of each input topic")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the summary as one line of JSON, no progress bar")
    parser.add_argument("--plant", choices=[bug.__name__ for bug in planted_bugs.WRITE_ORDER_BUGS], help="plant a bug")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
