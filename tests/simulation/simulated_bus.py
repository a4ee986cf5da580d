"""One seed: workers, dispatchers and publishers over one simulated Kafka, with faults; then calm, and the verdict."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from random import Random
from typing import Any

import structlog

from tests.simulation.broken import Broken
from tests.simulation.bus_traffic import Traffic
from tests.simulation.dispatching import Dispatcher
from tests.simulation.judge import Judge
from tests.simulation.plan import DAY, Plan
from tests.simulation.publishing import Publishing
from tests.simulation.simulated_kafka import LAG, SimulatedKafka
from tests.simulation.simulated_rules import ENDPOINTS
from tests.simulation.virtual_loop import VirtualLoop, run_virtually
from tests.simulation.worker_group import LONGEST_OUTAGE, WorkerGroup
from tocsin.streams.engine import task as task_module
from tocsin.streams.engine.fold import Limits

CHANGELOGS = ("decide-changelog", "deliver-changelog")

PATIENCE = 600 * DAY
"""Seconds without any fault after which what is not done will never be done."""


class Simulation:
    """`run` raises `Broken` for the first promise that is not kept."""

    def __init__(self, plan: Plan, progress: Callable[[int], None] = lambda published: None) -> None:
        self.plan, self._progress = plan, progress
        self.loop = VirtualLoop(plan.most_turns)
        self.kafka = SimulatedKafka(
            self.loop.micros, plan.partitions, {*CHANGELOGS}, {"inbox", "deliveries", "attempts", *CHANGELOGS}
        )
        self._chance = Random(f"{plan.seed}/chance")
        heartbeat = self._chance.choice(plan.heartbeats)
        limits = Limits(records=self._chance.choice(plan.batches), silence=int(2e6 * heartbeat))
        singly = self._chance.random() < 0.5
        self.judge = Judge(self.kafka, self.loop.micros, limits, singly)
        self.group = WorkerGroup(plan, self.kafka, self.loop, self._chance, self.judge, limits, heartbeat)
        self._dispatchers = [
            Dispatcher(self.kafka, self.loop, Random(f"{plan.seed}/sink/{number}"), number, self.judge.deliveries)
            for number in range(plan.partitions)
        ]
        self.published = self.setbacks = 0

    def run(self) -> None:
        """The whole life of this seed."""
        with _quiet_engine(self._heard):
            run_virtually(self.loop, self._run())

    def days(self) -> float:
        """Virtual days that passed."""
        return self.loop.time() / DAY

    async def _run(self) -> None:
        self.group.start()
        await self._publish()
        self.group.calm_down()
        for dispatcher in self._dispatchers:
            dispatcher.perfect = True
        # Nobody else writes any more, so nobody needs to look whether somebody did.
        task_module.IDLE_CHECK = 20 * DAY
        await asyncio.sleep(LONGEST_OUTAGE + 3600.0)
        await self._until(self.judge.drained)
        await self._until(self.judge.quiet)
        self.judge.check_end()

    async def _publish(self) -> None:
        plan, chance = self.plan, Random(f"{self.plan.seed}/traffic")
        traffic = Traffic(chance, plan.days, plan.events, plan.burst)
        publishing = Publishing(self.kafka, self.loop, self._chance, self.judge.problems)
        for number in range(plan.events):
            event, pause = traffic.next(self.loop.micros())
            publishing.publish(event)
            self.published = number + 1
            self.loop.progress()
            if chance.random() < 0.02:
                publishing.enable(chance.choice(ENDPOINTS))
            self._trouble()
            if number % 256 == 0:
                self._keep_house()
            self._stop_if_broken()
            await asyncio.sleep(pause)
        self._progress(self.published)

    def _trouble(self) -> None:
        self.group.trouble_comes()
        roll = self._chance.random() / self.plan.trouble
        if roll < 0.01:
            self._chance.choice(self._dispatchers).die()
        elif roll < 0.03:
            place = self._chance.choice(CHANGELOGS), self._chance.randrange(self.plan.partitions)
            self.kafka.compact(self.kafka.place(*place))

    def _keep_house(self) -> None:
        """Retention: what was decided long ago is gone from the input."""
        self._progress(self.published)
        for twin in self.judge.twins.values():
            self.kafka.forget_before(twin.place, twin.mark)

    async def _until(self, what: Callable[[], bool]) -> None:
        end = self.loop.time() + PATIENCE
        while not what():
            self._stop_if_broken()
            if self.loop.time() > end:
                raise Broken(f"still not {what.__name__} after {PATIENCE / DAY:.0f} days without faults")
            await asyncio.sleep(DAY / 2)
            self.loop.progress()
            self.judge.check_timers()
        self._stop_if_broken()

    def _stop_if_broken(self) -> None:
        if self.judge.broken is not None:
            raise self.judge.broken

    def _heard(self, event: MutableMapping[str, Any]) -> None:
        if event.get("phase") == "halted":
            self.judge.halted(f"{event}")
        self.setbacks += 1


@contextmanager
def _quiet_engine(heard: Callable[[MutableMapping[str, Any]], None]) -> Iterator[None]:
    """The engine's constants for years instead of minutes, its chance from the seed, its words to us."""
    before, config, state = task_module.IDLE_CHECK, structlog.get_config(), random.getstate()
    thresholds = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)  # everything in memory is meant to stay there

    def hear(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        heard(event)
        raise structlog.DropEvent

    structlog.configure(processors=[hear])
    random.seed(0)
    task_module.IDLE_CHECK = LAG / 1e6 / 6
    try:
        yield
    finally:
        task_module.IDLE_CHECK = before
        structlog.configure(**config)
        random.setstate(state)
        gc.set_threshold(*thresholds)


def simulate(plan: Plan, progress: Callable[[int], None] = lambda published: None) -> Simulation:
    """Run one plan; raises Broken that names the seed."""
    simulation = Simulation(plan, progress)
    try:
        simulation.run()
    except Broken as broken:
        raise Broken(f"seed {plan.seed}: {broken}") from broken
    return simulation
