"""The consumer group: which worker has which partition, who dies, who takes over, who does not know it yet."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.judge import Judge, agents
from tests.simulation.plan import Plan
from tests.simulation.process_log import ProcessLog
from tests.simulation.simulated_kafka import SimulatedKafka
from tests.simulation.simulated_rules import GENERATIONS
from tests.simulation.simulated_worker import HeldPartition, SimulatedWorker
from tests.simulation.virtual_loop import VirtualLoop
from tests.streams.engine.simulated_log import Faults
from tocsin.schemas.codec import SHIPPED
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.partition import Names, PartitionWriter
from tocsin.streams.engine.record import RuleSet

Assigned = tuple[str, int]
"""An agent's name and a partition."""


LONGEST_OUTAGE = 20 * 3600.0
"""Seconds; in production, too, no outage may outlast what compaction leaves alone (`simulated_kafka.LAG`)."""


class WorkerGroup:
    """All workers. `trouble_comes` lets something happen to one of them, now and then."""

    def __init__(
        self,
        plan: Plan,
        kafka: SimulatedKafka,
        loop: VirtualLoop,
        chance: Random,
        judge: Judge,
        limits: Limits,
        heartbeat: float,
    ) -> None:
        self._plan, self._kafka, self._loop, self._chance = plan, kafka, loop, chance
        self._judge, self._limits, self._heartbeat = judge, limits, heartbeat
        self._faults: Faults = plan.faults()
        self._calm = False
        self._dark_until = 0.0
        self._home: dict[Assigned, SimulatedWorker] = {}
        self.take_overs = self.kills = self.moves = 0
        self._places = [(name, number) for name in ("decide", "deliver") for number in range(plan.partitions)]
        self._workers = [self._new_worker(number) for number in range(plan.workers)]

    def start(self) -> None:
        """Every partition gets its first worker; to be called on the running loop."""
        for place in self._places:
            self._hold(place, self._chance.choice(self._workers))

    def trouble_comes(self) -> None:
        """A partition moves, a process dies or stands still, somebody saves the rules file."""
        chance, roll = self._chance, self._chance.random() / self._plan.trouble
        alive = [worker for worker in self._workers if not worker.dead]
        if roll < 0.06:
            self._move(chance.choice(self._places))
        elif roll < 0.064 and alive:
            chance.choice(alive).die()
        elif roll < 0.07 and alive:
            chance.choice(alive).log.stand_still()
        elif roll < 0.09 and alive:
            chance.choice(alive).generation = chance.randrange(GENERATIONS)
        elif roll < 0.09 + self._plan.power_cuts:
            # The power is gone for everybody, and nobody hears anything.
            self._dark_until = self._loop.time() + chance.uniform(60.0, LONGEST_OUTAGE)
            for worker in alive:
                worker.die()

    def calm_down(self) -> None:
        """No faults from now on."""
        self._calm = True
        self._faults.stop()
        for worker in self._workers:
            _soothe(worker)

    def _new_worker(self, number: int) -> SimulatedWorker:
        chance = self._chance
        worker = SimulatedWorker(number, self._kafka, self._loop, chance, self._faults, self._new_log)
        worker.generation = chance.randrange(GENERATIONS)
        worker.patience = chance.choice(self._plan.patience)
        worker.on_death = self._mourn
        worker.rules = agents(lambda: worker.generation, SHIPPED)
        if self._calm:
            _soothe(worker)
        return worker

    def _new_log(self, on_death: Callable[[], None]) -> ProcessLog:
        at_once = self._plan.at_once
        return ProcessLog(self._kafka, self._loop, self._chance, self._faults, self._judge, on_death, at_once)

    def _move(self, place: Assigned) -> None:
        """Another worker gets the partition; the one that had it goes on with it for a while, not knowing."""
        before = self._home[place]
        others = [worker for worker in self._workers if not worker.dead and worker is not before]
        if not others:
            return
        if place in before.held:
            self.moves += 1
            delay = self._chance.choice((0.0, 1.0, 30.0, 200.0))
            self._loop.call_later(delay, self._revoke, before, place, before.held[place])
        self._hold(place, self._chance.choice(others))

    def _hold(self, place: Assigned, worker: SimulatedWorker) -> None:
        self._home[place] = worker
        if place not in worker.held:
            rules = next(rules for rules in worker.rules if rules.name == place[0])
            worker.held[place] = HeldPartition(worker, rules, place[1], self._new_writer, self._heartbeat)

    def _revoke(self, worker: SimulatedWorker, place: Assigned, held: HeldPartition) -> None:
        if worker.held.get(place) is held and self._home[place] is not worker:
            del worker.held[place]
            self._loop.create_task(held.stop(5.0))

    def _mourn(self, worker: SimulatedWorker) -> None:
        """The group notices a death after the session's end, and a new process starts some time later."""
        self.kills += 1
        pause = self._chance.uniform(1.0, LONGEST_OUTAGE if self._chance.random() < 0.1 else 60.0)
        back_at = max(self._dark_until, self._loop.time() + pause)
        self._loop.call_at(back_at, self._replace, worker)
        for place in [place for place, home in self._home.items() if home is worker]:
            self._loop.call_later(10.0, self._inherit, place, worker)

    def _inherit(self, place: Assigned, dead: SimulatedWorker) -> None:
        if self._home[place] is dead:
            self._move(place)

    def _replace(self, dead: SimulatedWorker) -> None:
        worker = self._new_worker(dead.number)
        self._workers[self._workers.index(dead)] = worker
        for place in self._places:
            if self._home[place].dead:
                self._hold(place, worker)

    def _new_writer(self, worker: SimulatedWorker, rules: RuleSet, partition: int) -> PartitionWriter:
        owner = self._chance.randbytes(16)
        self.take_overs += 1

        def failpoint(place: str) -> None:
            if place == "batch_folded":
                self._judge.generations[owner] = worker.generation
            elif place == "rows_recovered":
                self._judge.recovered(rules, partition, writer)
            worker.failpoint(place)

        names = Names(rules.input_topic, rules.changelog)
        spoken = worker.spoken[rules.name, partition]
        writer = self._plan.writer(
            rules, names, partition, worker.log, owner, limits=self._limits, spoken=spoken, failpoint=failpoint
        )
        return writer


def _soothe(worker: SimulatedWorker) -> None:
    worker.patience = 300.0
    worker.log.at_once = 1.0
