"""Dozens of worlds with faults: nothing missing, nothing spurious, no timer early, every lane in order."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec
import pytest

from tests.harness.fuzzing import examples
from tests.simulation.broken import Broken
from tests.simulation.plan import Plan, dark_plan, rough_plan, slow_plan, wild_plan
from tests.simulation.planted_bugs import RULE_BUGS, WRITE_ORDER_BUGS
from tests.simulation.simulated_bus import simulate
from tests.simulation.virtual_loop import NoProgress, VirtualLoop, run_virtually
from tocsin.streams.engine.partition import PartitionWriter

SEEDS = examples(20, 75)
"""Worlds of one test; there are two such tests, so that they run beside one another."""
DARK = 10
"""One of so many worlds has power cuts: where others take over at once, a silence is hardly ever noticed."""
FEW = 60
"""In so many rough worlds a planted bug must be found; mostly the first ones show it."""
YEARS = 5

# Whether a promise is kept and a bug is found goes by counts of worlds and of turns; this only ends what hangs.
pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("first", range(0, 2 * SEEDS, SEEDS))
def test_every_seed_keeps_the_promises(first: int) -> None:
    seen: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for seed in range(first, first + SEEDS):
        done = simulate(Plan(seed=seed) if seed % DARK else dark_plan(seed))
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
            probes=judge.deliveries.probes,
            at_the_rate=judge.deliveries.at_the_rate,
        )
        ends.update(judge.problems.outcomes)
        ends.update(judge.deliveries.ended)
        ends.update(judge.timers.counts)
    print(f"{SEEDS} seeds from {first}: {dict(seen)}; {dict(ends)}")
    assert seen["repeats"] > 10 * SEEDS, "the faults are too mild to prove anything"
    assert seen["take_overs"] > 20 * SEEDS
    assert seen["kills"] > 5 * SEEDS
    assert seen["moves"] > SEEDS
    assert seen["void"] > SEEDS / 2
    assert seen["silences"] > 0
    assert seen["probes"] > SEEDS
    assert seen["at_the_rate"] > SEEDS
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
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert found == {simulate(Plan(seed=7)).kafka.fingerprint()}


@pytest.mark.parametrize("writer", WRITE_ORDER_BUGS)
def test_a_bug_in_the_write_order_is_found(writer: type[PartitionWriter]) -> None:
    with pytest.raises(Broken, match="seed"):
        _simulate_few(lambda seed: msgspec.structs.replace(wild_plan(seed), writer=writer))


@pytest.mark.parametrize("plant", RULE_BUGS)
def test_a_bug_in_timers_and_rules_is_found(plant: Callable[[], AbstractContextManager[None]]) -> None:
    with plant(), pytest.raises(Broken, match="seed"):
        _simulate_few(rough_plan)


def _simulate_few(plan_of: Callable[[int], Plan]) -> None:
    for seed in range(FEW):
        simulate(plan_of(seed))


def test_years_with_few_events_keep_the_promises() -> None:
    done = simulate(slow_plan(seed=25_802, years=1.3 * YEARS, events=300))
    assert done.days() > 365 * YEARS
    assert done.published == 300
    assert sum(rules.fires for rules in done.judge.rules) > 1000
    assert done.group.kills > 10


@pytest.mark.parametrize("days", [193, 195, 2_000, 40_000])
def test_timers_fire_at_their_time_however_late_it_is(days: int) -> None:
    loop = VirtualLoop(most_turns=100_000)
    start = days * 86_400.0

    async def wait() -> None:
        await asyncio.sleep(start)
        before = loop.micros()
        for step in range(1, 2_000):
            due = loop.time() + step / 7_000
            await asyncio.sleep(step / 7_000)
            assert loop.time() == due
        assert loop.micros() > before + 100_000_000

    run_virtually(loop, wait())


def test_a_run_without_progress_ends_with_its_seed() -> None:
    with pytest.raises(Broken, match="seed 3: no progress in 10 turns of the loop"):
        simulate(Plan(seed=3, most_turns=10))


def test_a_loop_that_is_busy_for_ever_ends() -> None:
    async def spin() -> None:
        for _ in iter(int, 1):
            await asyncio.sleep(0)

    with pytest.raises(NoProgress, match="no progress in 2000 turns"):
        run_virtually(VirtualLoop(most_turns=2_000), spin())


def test_a_loop_on_which_nothing_can_happen_ends() -> None:
    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NoProgress, match="nothing is ready"):
        run_virtually(VirtualLoop(), wait())


def test_the_command_names_the_seed_that_breaks() -> None:
    command = [sys.executable, "-m", "tests.simulation.simulate", "--seed", "3", "--events", "60", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"events": 60' in done.stdout
    done = subprocess.run([*command, "--plant", "SpeaksFirst"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "seed 3" in done.stderr
    assert "make simulate SEED=3 EVENTS=60" in done.stderr
