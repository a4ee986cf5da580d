"""Metrics that are read at each scrape, from the engine and from the silences in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tocsin.streams.engine.engine import Engine, wall_clock
from tocsin.streams.engine.phase import Phase, Trouble
from tocsin.streams.rules.delivery.gate import held_by
from tocsin.streams.rules.delivery.health import standing_of
from tocsin.streams.rules.state import EndpointRow, row_key
from tocsin.streams.rules.state.counted import OPEN_CASES, PENDING_DELIVERIES

OVERDUE = "tocsin_timers_overdue"
"""The name of the gauge that `tocsin doctor` warns of: anything but 0 for longer than a recovery takes is a fault."""


HALTED = "tocsin_partition_halted"
"""The name of the gauge that `tocsin doctor` calls a failure: a partition that needs a person, by reason."""


ENDPOINT, PARKED, HELD_BACK = "tocsin_endpoint_state", "tocsin_deliveries_parked", "tocsin_endpoint_held_back"
"""The gauges of endpoints that `tocsin doctor` warns of."""


def watch_engine(registry: CollectorRegistry, engine: Engine) -> None:
    """Register the engine's metrics: partitions by phase, stalled and halted ones, rows held, timers."""
    registry.register(TimerMetrics(engine))
    registry.register(LagMetrics(engine))
    registry.register(CountedRows(engine, wall_clock))
    registry.register(HaltedPartitions(lambda: _troubles_of(engine)))
    phases = Gauge("tocsin_partitions", "Partitions held, by agent and phase.", ["agent", "phase"], registry=registry)
    stalled = Gauge("tocsin_partitions_stalled", "Partitions that have input and do not move.", registry=registry)
    rows = Gauge("tocsin_rows", "Rows in memory, by agent.", ["agent"], registry=registry)
    agents = engine.agents()
    for agent in agents:
        rows.labels(agent).set_function(_rows_of(engine, agent))
        for phase in Phase:
            phases.labels(agent, phase.value).set_function(_count_of(engine, agent, phase))
    stalled.set_function(lambda: sum(task.stalled for task in engine.tasks.values()))


def watch_silences(registry: CollectorRegistry, in_force: Callable[[], Sized]) -> None:
    """Register the number of silences that were made while running and are `in_force`."""
    gauge = Gauge("tocsin_silences", "Silences made while running that the rules know of.", registry=registry)
    gauge.set_function(lambda: len(in_force()))


class TimerMetrics(Collector):
    """The timers as the engine's auditors last counted them (engine/audit.py): every half minute, less often with very
    many rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """One sample per agent each: pending, overdue, failed (gauges), repaired (a counter)."""
        pending = GaugeMetricFamily("tocsin_timers_pending", "Timers that wait, by agent.", labels=["agent"])
        overdue = GaugeMetricFamily(OVERDUE, "Timers a minute late or more, by agent.", labels=["agent"])
        failed = GaugeMetricFamily(
            "tocsin_timers_failed", "Rows whose timer raised and fires no more, by agent.", labels=["agent"]
        )
        repaired = CounterMetricFamily(
            "tocsin_timers_repaired", "Timers that the heap had lost and the auditor put back.", labels=["agent"]
        )
        for agent in self._engine.agents():
            census = self._engine.timers(agent)
            pending.add_metric([agent], census.pending)
            overdue.add_metric([agent], census.overdue)
            failed.add_metric([agent], census.failed)
            repaired.add_metric([agent], self._engine.timers_repaired[agent])
        yield from (pending, overdue, failed, repaired)


LAG_HELP = "Records of its input that wait, by agent and partition."
LAG = "tocsin_consumer_lag_records"
"""The name of the gauge of records that wait to be read; a dispatcher has it, too."""


class CountedRows(Collector):
    """What the auditors counted over the rows in their last rounds; times are by the clock `now`, in microseconds."""

    def __init__(self, engine: Engine, now: Callable[[], int]) -> None:
        self._engine, self._now = engine, now

    def collect(self) -> Iterator[Metric]:
        """Cases that are open, deliveries that are pending, and the age of the oldest of these."""
        cases, _ = self._engine.timers("decide").kinds.get(OPEN_CASES, (0, 0))
        pending, oldest = self._engine.timers("deliver").kinds.get(PENDING_DELIVERIES, (0, 0))
        age = max(0, self._now() - oldest) / 1e6 if pending else 0.0
        yield GaugeMetricFamily("tocsin_cases_open", "Cases that are not resolved.", value=cases)
        yield GaugeMetricFamily(
            "tocsin_deliveries_pending", "Deliveries that are not done and not dead.", value=pending
        )
        yield GaugeMetricFamily(
            "tocsin_delivery_oldest_pending_seconds", "How long the oldest of them has been asked for.", value=age
        )


class LagMetrics(Collector):
    """How far the partitions of a worker are behind their input, as the watchdog last found it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        """Records and seconds for each partition that this worker holds."""
        labels = ["agent", "partition"]
        records = GaugeMetricFamily(LAG, LAG_HELP, labels=labels)
        seconds = GaugeMetricFamily(
            "tocsin_consumer_lag_seconds", "How old the oldest of them is, about.", labels=labels
        )
        for place, task in list(self._engine.tasks.items()):
            lag = self._engine.lag(place)
            records.add_metric([task.agent, str(place.partition)], lag.records)
            seconds.add_metric([task.agent, str(place.partition)], lag.seconds)
        yield from (records, seconds)


class DispatchLag(Collector):
    """How many attempts of each partition a dispatcher has to make, as far as it has heard; `lags` by partition."""

    def __init__(self, lags: Callable[[], Mapping[int, int]]) -> None:
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        """One sample for each partition that it holds."""
        records = GaugeMetricFamily(LAG, LAG_HELP, labels=["agent", "partition"])
        for partition, waiting in self._lags().items():
            records.add_metric(["dispatch", str(partition)], waiting)
        yield records


class HaltedPartitions(Collector):
    """The partitions that halted, or wait for a schema, and are not over it, also while they try again: the `troubles`,
    each with its agent."""

    def __init__(self, troubles: Callable[[], Iterable[tuple[str, Trouble]]]) -> None:
        self._troubles = troubles

    def collect(self) -> Iterator[Metric]:
        """One sample, 1, for each halted partition; and where it stands, for those that stand at a record."""
        labels = ["agent", "partition", "reason"]
        halted = GaugeMetricFamily(HALTED, "Partitions that need a person.", labels=labels)
        offsets = GaugeMetricFamily(
            "tocsin_partition_halted_offset", "The record that a halted partition stands at.", labels=labels[:2]
        )
        for agent, trouble in self._troubles():
            partition = trouble.place.rpartition(" ")[2]
            halted.add_metric([agent, partition, trouble.reason], 1)
            if trouble.offset is not None:
                offsets.add_metric([agent, partition], trouble.offset)
        yield from (halted, offsets)


def _troubles_of(engine: Engine) -> list[tuple[str, Trouble]]:
    found = ((agent, task.trouble()) for agent in engine.agents() for task in engine.tasks_of(agent))
    return [(agent, trouble) for agent, trouble in found if trouble is not None]


def watch_endpoints(registry: CollectorRegistry, engine: Engine, names: Callable[[], Iterable[str]]) -> None:
    """Register the state of the endpoints that have these names now."""
    registry.register(EndpointMetrics(engine, names, wall_clock))


class EndpointMetrics(Collector):
    """The endpoints that are not simply on and well; `names` gives those of the rules file, `now` microseconds."""

    def __init__(self, engine: Engine, names: Callable[[], Iterable[str]], now: Callable[[], int]) -> None:
        self._engine, self._names, self._now = engine, names, now

    def collect(self) -> Iterator[Metric]:
        """One sample, 1, for each endpoint that fails or is off, and for each that is sent less than it could be, by
        what; and how many deliveries are parked for those."""
        state = GaugeMetricFamily(
            ENDPOINT, "Endpoints that are failing, disabled or removed.", labels=["endpoint", "state"]
        )
        parked = GaugeMetricFamily(PARKED, "Deliveries that wait for their endpoint.", labels=["endpoint"])
        held = GaugeMetricFamily(
            HELD_BACK, "Endpoints that get less than there is, by breaker, throttle or rate.", labels=["endpoint", "by"]
        )
        tasks = self._engine.tasks_of("deliver")
        for name in self._names():
            key = row_key("endpoint", name)
            for row in [row for task in tasks if isinstance(row := task.row(key), EndpointRow)]:
                standing = standing_of(row)
                if standing != "enabled":
                    state.add_metric([name, standing], 1)
                if (by := held_by(row, self._now())) is not None:
                    held.add_metric([name, by], 1)
                if standing != "enabled" or by is not None or row.waiting:
                    parked.add_metric([name], row.waiting)
        yield from (state, parked, held)


def _rows_of(engine: Engine, agent: str) -> Callable[[], float]:
    return lambda: sum(len(state.rows) for task in engine.tasks_of(agent) if (state := task.state()))


def _count_of(engine: Engine, agent: str, phase: Phase) -> Callable[[], float]:
    return lambda: Counter(task.phase for task in engine.tasks_of(agent))[phase]
