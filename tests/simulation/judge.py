"""The oracle: twins of every partition, and watchers of what they decide; hears of every write as it lands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.simulation.broken import Broken
from tests.simulation.delivery_watch import DeliveryWatch
from tests.simulation.problem_watch import ProblemWatch
from tests.simulation.process_log import Witness
from tests.simulation.simulated_kafka import SimulatedKafka
from tests.simulation.simulated_rules import GENERATIONS, decide_config, deliver_config, rule_book
from tests.simulation.speech import Speech
from tests.simulation.timer_watch import TimerWatch
from tests.simulation.twin import Twin
from tests.simulation.watched import Watched
from tocsin.schemas.codec import SHIPPED
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.agents.deliver import DeliverAgent
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.record import Record, RuleSet

KEPT_FOR_EVER = ("endpoint/", "gaps")
"""Rows that have no end: an endpoint that somebody disabled, the list of outages."""


def agents(generation: Callable[[], int], book: SchemaBook) -> tuple[RuleSet, RuleSet]:
    """Both agents as a worker runs them, with the rules file of that generation."""
    return (
        DecideAgent(lambda: decide_config(generation()), "", book),
        DeliverAgent(lambda: deliver_config(generation()), "", book),
    )


class Judge(Witness):
    """Raises nothing at its callers, which are tasks of the engine: the first broken promise is kept in `broken`."""

    def __init__(self, kafka: SimulatedKafka, clock: Callable[[], int], limits: Limits, singly: bool) -> None:
        self._clock = clock
        self._generation = 0
        self.generations: dict[bytes, int] = {}
        self.broken: Broken | None = None
        self.problems = ProblemWatch()
        self.deliveries = DeliveryWatch()
        self.timers = TimerWatch([rule_book(number) for number in range(GENERATIONS)])
        self.speech = Speech()
        watchers = (self.problems, self.deliveries, self.timers)
        self.rules = [Watched(one, watchers) for one in agents(lambda: self._generation, SHIPPED)]
        self.twins = {
            (rules.changelog, partition): Twin(
                rules, kafka.place(rules.input_topic, partition), limits, kafka.partition_for, singly
            )
            for rules in self.rules
            for partition in range(kafka.partitions)
        }

    # what engines do

    def about_to_append(self, owner: bytes) -> object:
        return self.generations.get(owner, 0)

    def appended(self, topic: str, partition: int, records: Sequence[Record], then: object) -> None:
        twin = self.twins[topic, partition]
        assert isinstance(then, int)
        self._generation = then
        with self:
            decided = twin.landed(records)
            for rules in self.rules:
                if rules.broken is not None and self.broken is None:
                    raise rules.broken
            if decided:
                self.speech.decide(twin.name, decided, self._clock())

    def said(self, output: OutboxRecord, partition: int) -> None:
        with self:
            self.speech.land(output, partition)

    def recovered(self, rules: RuleSet, partition: int, writer: PartitionWriter) -> None:
        """A worker has read the changelog to its end."""
        with self:
            self.twins[rules.changelog, partition].check_recovered(writer)

    def halted(self, event: str) -> None:
        """A partition says that it needs a person: here, that is a fault of ours."""
        with self:
            raise Broken(f"a partition halts: {event}")

    def __enter__(self) -> None:
        """From here on a broken promise is noted."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Broken):
            self.broken = self.broken or error
            return True
        return False

    # the end

    def drained(self) -> bool:
        """Whether all that was accepted is decided, and all that was decided is said."""
        return all(twin.at_end() for twin in self.twins.values())

    def quiet(self) -> bool:
        """Whether no timer is left."""
        return self.drained() and all(twin.earliest() is None for twin in self.twins.values())

    def check_timers(self) -> None:
        """Every timer that was due an hour ago has fired."""
        late = self._clock() - 3_600_000_000
        for twin in self.twins.values():
            earliest = twin.earliest()
            if earliest is not None and earliest < late:
                raise Broken(f"{twin.name}: a timer is overdue for {(self._clock() - earliest) // 1_000_000} s")

    def check_end(self) -> None:
        """When nothing is left to do."""
        self.problems.check_all_ended()
        self.speech.check_all_said()
        self.deliveries.check_all_ended()
        self.timers.check_all_told()
        for twin in self.twins.values():
            left = [key for key, _ in twin.rows.items() if not key.startswith(KEPT_FOR_EVER)]
            if left:
                raise Broken(f"{twin.name}: {len(left)} rows are never forgotten: {left[:3]}")
