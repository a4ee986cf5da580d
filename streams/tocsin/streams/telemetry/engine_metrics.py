"""Metrics that are read at each scrape, from the engine and from the silences in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from time import monotonic

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from tocsin.connectors.metrics.making import Meters, read
from tocsin.streams.engine.audit import Counted
from tocsin.streams.engine.engine import Engine, wall_clock
from tocsin.streams.engine.phase import Phase, Trouble
from tocsin.streams.rules.delivery.gate import HELD_PEER, held_by
from tocsin.streams.rules.delivery.health import standing_of
from tocsin.streams.rules.state import EndpointRow, row_key
from tocsin.streams.rules.state.counted import (
    ACTIVE_ESCALATIONS,
    LEARNED_TIMEOUTS,
    OPEN_CASES,
    PENDING_DELIVERIES,
)

OVERDUE = "tocsin_timers_overdue"
"""The name of the gauge that `tocsin doctor` warns of: anything but 0 for longer than a recovery takes is a fault."""


HALTED = "tocsin_partition_halted"
"""The name of the gauge that `tocsin doctor` calls a failure: a partition that needs a person, by reason."""


ENDPOINT, PARKED, HELD_BACK = "tocsin_endpoint_state", "tocsin_deliveries_parked", "tocsin_endpoint_held_back"
"""The gauges of endpoints that `tocsin doctor` warns of."""
LAG = "tocsin_consumer_lag_records"
"""The name of the gauge of records that wait to be read; a dispatcher has it, too."""

AGE_NAMES = ("5m", "1h", "1d", "7d", "older")
"""The values of the label `age`, as `engine.audit.AGES` has them."""


def watch_engine(meters: Meters, engine: Engine) -> None:
    """Register the engine's metrics: partitions by phase, stalled and halted ones, rows held, timers."""
    for collector in (
        TimerMetrics(engine),
        PartitionMetrics(engine),
        CountedRows(meters, engine, wall_clock),
        HaltedPartitions(lambda: _troubles_of(engine)),
    ):
        meters.registry.register(collector)
    phases, rows = meters.gauge("tocsin_partitions"), meters.gauge("tocsin_rows")
    for agent in engine.agents():
        rows(agent).set_function(_rows_of(engine, agent))
        for phase in Phase:
            phases(agent, phase.value).set_function(_count_of(engine, agent, phase))
    stalled = meters.gauge("tocsin_partitions_stalled")
    stalled().set_function(lambda: sum(task.stalled for task in engine.tasks.values()))


def watch_silences(meters: Meters, in_force: Callable[[], Sized]) -> None:
    """Register the number of silences that were made while running and are `in_force`."""
    meters.gauge("tocsin_silences")().set_function(lambda: len(in_force()))


class TimerMetrics(Collector):
    """The timers as the engine's auditors last counted them (engine/audit.py): every half minute, less often with very
    many rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """One sample per agent each: pending, overdue, failed (gauges), repaired (a counter)."""
        found = {(agent,): self._engine.timers(agent) for agent in self._engine.agents()}
        repaired = self._engine.timers_repaired
        yield read("tocsin_timers_pending", {agent: census.pending for agent, census in found.items()})
        yield read(OVERDUE, {agent: census.overdue for agent, census in found.items()})
        yield read("tocsin_timers_failed", {agent: census.failed for agent, census in found.items()})
        yield read("tocsin_timers_repaired_total", {(agent,): repaired[agent] for (agent,) in found})


class CountedRows(Collector):
    """What the auditors counted over the rows in their last rounds; times are by the clock `now`, in microseconds."""

    def __init__(self, meters: Meters, engine: Engine, now: Callable[[], int]) -> None:
        self._meters, self._engine, self._now = meters, engine, now

    def collect(self) -> Iterator[Metric]:
        """Cases that are open and deliveries that are pending, with the age of the oldest; what else is counted."""
        decide, deliver = self._engine.timers("decide").kinds, self._engine.timers("deliver").kinds
        nothing = Counted()
        cases, pending = decide.get(OPEN_CASES, nothing), deliver.get(PENDING_DELIVERIES, nothing)
        by_age = {(name,): float(count) for name, count in zip(AGE_NAMES, cases.ages, strict=True)}
        yield read("tocsin_cases_open", by_age)
        yield read("tocsin_case_oldest_open_seconds", {(): self._age(cases)})
        yield read("tocsin_escalations_active", {(): decide.get(ACTIVE_ESCALATIONS, nothing).rows})
        yield read("tocsin_timeouts_learned", {(): decide.get(LEARNED_TIMEOUTS, nothing).rows})
        yield read("tocsin_deliveries_pending", {(): pending.rows})
        yield read("tocsin_delivery_oldest_pending_seconds", {(): self._age(pending)})
        peers = ((kind.split(" ", 2), counted.rows) for kind, counted in deliver.items())
        held = [((kind[2], kind[1]), rows) for kind, rows in peers if kind[0] == HELD_PEER]
        yield self._meters.read("tocsin_endpoint_peers_held_back", held)

    def _age(self, counted: Counted) -> float:
        return max(0, self._now() - counted.oldest) / 1e6 if counted.rows else 0.0


class PartitionMetrics(Collector):
    """How far the partitions of a worker are behind their input, as the watchdog last found it; and since when they did
    nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Records and seconds for each partition that this worker holds."""
        tasks = list(self._engine.tasks.items())
        lags = {(task.agent, str(place.partition)): self._engine.lag(place) for place, task in tasks}
        yield read(LAG, {place: lag.records for place, lag in lags.items()})
        yield read("tocsin_consumer_lag_seconds", {place: lag.seconds for place, lag in lags.items()})
        now = monotonic()
        idle = {(task.agent, str(place.partition)): max(0.0, now - task.moved_at) for place, task in tasks}
        yield read("tocsin_partition_idle_seconds", idle)


class DispatchLag(Collector):
    """How many attempts of each partition a dispatcher has to make, as far as it has heard; `lags` by partition."""

    def __init__(self, lags: Callable[[], Mapping[int, int]]) -> None:
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        """One sample for each partition that it holds."""
        yield read(LAG, {("dispatch", str(partition)): waiting for partition, waiting in self._lags().items()})


class HaltedPartitions(Collector):
    """The partitions that halted, or wait for a schema, and are not over it, also while they try again: the `troubles`,
    each with its agent."""

    def __init__(self, troubles: Callable[[], Iterable[tuple[str, Trouble]]]) -> None:
        self._troubles = troubles

    def collect(self) -> Iterator[Metric]:
        """One sample, 1, for each halted partition; and where it stands, for those that stand at a record."""
        found = [(agent, why.place.rpartition(" ")[2], why) for agent, why in self._troubles()]
        yield read(HALTED, {(agent, partition, why.reason): 1 for agent, partition, why in found})
        offsets = {(agent, partition): why.offset for agent, partition, why in found if why.offset is not None}
        yield read("tocsin_partition_halted_offset", offsets)


def _troubles_of(engine: Engine) -> list[tuple[str, Trouble]]:
    found = ((agent, task.trouble()) for agent in engine.agents() for task in engine.tasks_of(agent))
    return [(agent, trouble) for agent, trouble in found if trouble is not None]


def watch_endpoints(meters: Meters, engine: Engine, names: Callable[[], Iterable[str]]) -> None:
    """Register the state of the endpoints that have these names now."""
    meters.registry.register(EndpointMetrics(meters, engine, names, wall_clock))


class EndpointMetrics(Collector):
    """The endpoints that are not simply on and well; `names` gives those of the rules file, `now` microseconds."""

    def __init__(
        self, meters: Meters, engine: Engine, names: Callable[[], Iterable[str]], now: Callable[[], int]
    ) -> None:
        self._meters, self._engine, self._names, self._now = meters, engine, names, now

    def collect(self) -> Iterator[Metric]:
        """One sample, 1, for each endpoint that fails or is off, and for each that is sent less than it could be, by
        what; and how many deliveries are parked for those."""
        state: list[tuple[tuple[str, str], float]] = []
        parked: list[tuple[tuple[str], float]] = []
        held: list[tuple[tuple[str, str], float]] = []
        tasks = self._engine.tasks_of("deliver")
        for name in self._names():
            key = row_key("endpoint", name)
            for row in [row for task in tasks if isinstance(row := task.row(key), EndpointRow)]:
                standing = standing_of(row)
                if standing != "enabled":
                    state.append(((name, standing), 1))
                if (by := held_by(row, self._now())) is not None:
                    held.append(((name, by), 1))
                if standing != "enabled" or by is not None or row.waiting:
                    parked.append(((name,), row.waiting))
        for shown, values in ((ENDPOINT, state), (PARKED, parked), (HELD_BACK, held)):
            yield self._meters.read(shown, values)


def _rows_of(engine: Engine, agent: str) -> Callable[[], float]:
    return lambda: sum(len(state.rows) for task in engine.tasks_of(agent) if (state := task.state()))


def _count_of(engine: Engine, agent: str, phase: Phase) -> Callable[[], float]:
    return lambda: Counter(task.phase for task in engine.tasks_of(agent))[phase]
