"""Hundreds of worlds with faults: nothing missing, nothing spurious, no timer early, every lane in order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.simulation.broken import Broken
from tests.simulation.plan import Plan
from tests.simulation.planted_bugs import RULE_BUGS, WRITE_ORDER_BUGS
from tests.simulation.simulated_bus import simulate
from tocsin.streams.engine.partition import PartitionWriter

SEEDS = 200
FEW = SEEDS
"""In so many seeds a planted bug must be found."""


@pytest.mark.timeout(600)
def test_every_seed_keeps_the_promises() -> None:
    seen: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for seed in range(SEEDS):
        done = simulate(Plan(seed=seed))
        judge = done.judge
        seen.update(
            events=done.published,
            records=done.kafka.landed,
            days=round(done.days()),
            take_overs=done.group.take_overs,
            kills=done.group.kills,
            moves=done.group.moves,
            repeats=judge.speech.repeats,
            void=sum(twin.void for twin in judge.twins.values()),
            timers=sum(rules.fires for rules in judge.rules),
            silences=sum(rules.silences for rules in judge.rules),
        )
        ends.update(judge.problems.outcomes)
        ends.update(judge.deliveries.ended)
        ends.update(judge.timers.counts)
    print(f"{SEEDS} seeds: {dict(seen)}; {dict(ends)}")
    assert seen["repeats"] > 10 * SEEDS, "the faults are too mild to prove anything"
    assert seen["take_overs"] > 20 * SEEDS
    assert seen["kills"] > 5 * SEEDS
    assert seen["moves"] > SEEDS
    assert seen["void"] > SEEDS / 2
    assert seen["silences"] > 0
    wanted = {"routed", "unrouted", "replayed", "identical", "grouped", "muted", "inhibited", "conflict", "delivered"}
    wanted |= {"raised", "stepped", "snoozed", "acknowledged", "exhausted", "cancelled", "digested"}
    wanted |= {"time-out: wait", "time-out: retry", "time-out: give_up", "dead: rejected", "dead: gone"}
    assert wanted <= ends.keys()


def test_a_seed_replays_exactly() -> None:
    first, second = simulate(Plan(seed=7)), simulate(Plan(seed=7))
    assert first.kafka.landed > 1000
    assert first.kafka.fingerprint() == second.kafka.fingerprint()
    assert first.kafka.fingerprint() != simulate(Plan(seed=8)).kafka.fingerprint()


def test_a_seed_replays_exactly_in_another_process() -> None:
    code = (
        "from tests.simulation.plan import Plan; from tests.simulation.simulated_bus import simulate; "
        "print(simulate(Plan(seed=7)).kafka.fingerprint())"
    )
    found = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        found.add(done.stdout.strip())
    assert found == {simulate(Plan(seed=7)).kafka.fingerprint()}


@pytest.mark.parametrize("writer", WRITE_ORDER_BUGS)
def test_a_bug_in_the_write_order_is_found(writer: type[PartitionWriter]) -> None:
    with pytest.raises(Broken, match="seed"):
        _simulate_few(writer)


@pytest.mark.parametrize("plant", RULE_BUGS)
def test_a_bug_in_timers_and_rules_is_found(plant: Callable[[], AbstractContextManager[None]]) -> None:
    with plant(), pytest.raises(Broken, match="seed"):
        _simulate_few(PartitionWriter)


def _simulate_few(writer: type[PartitionWriter]) -> None:
    for seed in range(FEW):
        simulate(Plan(seed=seed, writer=writer))


def test_the_command_names_the_seed_that_breaks() -> None:
    command = [sys.executable, "-m", "tests.simulation.simulate", "--seed", "3", "--events", "60", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert '"events": 60' in done.stdout
    done = subprocess.run(
        [*command, "--plant", "SpeaksFirst"], env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 1
    assert "seed 3" in done.stderr
    assert "make simulate SEED=3 EVENTS=60" in done.stderr
