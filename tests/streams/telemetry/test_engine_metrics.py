"""What a scrape says of timers and of partitions that halted."""

from __future__ import annotations

from collections import Counter
from math import inf
from types import SimpleNamespace

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry, generate_latest

from tocsin.connectors.metrics.making import Meters
from tocsin.streams.engine.audit import TimerCensus
from tocsin.streams.engine.lag import Lag
from tocsin.streams.engine.phase import Trouble
from tocsin.streams.rules.delivery.gate import HELD_PEER
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rules.state.counted import ACTIVE_ESCALATIONS, OPEN_CASES, PENDING_DELIVERIES
from tocsin.streams.telemetry.engine_metrics import (
    AGE_NAMES,
    CountedRows,
    DispatchLag,
    EndpointMetrics,
    HaltedPartitions,
    PartitionMetrics,
    TimerMetrics,
)


def test_every_agent_has_its_timers_counted_by_where_they_stand() -> None:
    census = {"decide": TimerCensus(pending=7, overdue=2, failed=1), "deliver": TimerCensus()}
    engine = SimpleNamespace(
        agents=lambda: list(census), timers=census.__getitem__, timers_repaired=Counter({"decide": 3})
    )
    registry = CollectorRegistry()
    registry.register(TimerMetrics(engine))  # type: ignore[arg-type]
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples == [
        'tocsin_timers_pending{agent="decide"} 7.0',
        'tocsin_timers_pending{agent="deliver"} 0.0',
        'tocsin_timers_overdue{agent="decide"} 2.0',
        'tocsin_timers_overdue{agent="deliver"} 0.0',
        'tocsin_timers_failed{agent="decide"} 1.0',
        'tocsin_timers_failed{agent="deliver"} 0.0',
        'tocsin_timers_repaired_total{agent="decide"} 3.0',
        'tocsin_timers_repaired_total{agent="deliver"} 0.0',
    ]


def test_a_halted_partition_is_named_with_its_reason() -> None:
    troubles = [Trouble("inbox 7", "dead_letter_limit", 5), Trouble("inbox 8", "needs_a_person", None)]
    registry = CollectorRegistry()
    registry.register(HaltedPartitions(lambda: [("decide", trouble) for trouble in troubles]))
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples == [
        'tocsin_partition_halted{agent="decide",partition="7",reason="dead_letter_limit"} 1.0',
        'tocsin_partition_halted{agent="decide",partition="8",reason="needs_a_person"} 1.0',
        'tocsin_partition_halted_offset{agent="decide",partition="7"} 5.0',
    ]


def test_the_lag_of_each_partition() -> None:
    lags = {TopicPartition("t.inbox", 3): Lag(7, 1.5), TopicPartition("t.inbox", 4): Lag()}
    engine = SimpleNamespace(
        tasks=dict.fromkeys(lags, SimpleNamespace(agent="decide", moved_at=inf)), lag=lags.__getitem__
    )
    registry = CollectorRegistry()
    registry.register(PartitionMetrics(engine))  # type: ignore[arg-type]
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples == [
        'tocsin_consumer_lag_records{agent="decide",partition="3"} 7.0',
        'tocsin_consumer_lag_records{agent="decide",partition="4"} 0.0',
        'tocsin_consumer_lag_seconds{agent="decide",partition="3"} 1.5',
        'tocsin_consumer_lag_seconds{agent="decide",partition="4"} 0.0',
        'tocsin_partition_idle_seconds{agent="decide",partition="3"} 0.0',
        'tocsin_partition_idle_seconds{agent="decide",partition="4"} 0.0',
    ]


MINUTE = 60_000_000


def test_what_the_auditors_counted() -> None:
    census = {"decide": TimerCensus(), "deliver": TimerCensus()}
    registry = CollectorRegistry()
    engine = SimpleNamespace(timers=census.__getitem__)
    now = 100 * MINUTE
    registry.register(CountedRows(Meters(registry), engine, lambda: now))  # type: ignore[arg-type]
    names = ("tocsin_case_oldest_open_seconds", "tocsin_deliveries_pending", "tocsin_delivery_oldest_pending_seconds")
    assert [registry.get_sample_value(name) for name in names] == [0, 0, 0]
    for age in (1, 2, 5, 6, 99):
        census["decide"].count(OPEN_CASES, now - age * MINUTE, now)
    census["decide"].count(ACTIVE_ESCALATIONS, 1, now)
    for since in (now - 30_000_000, now - MINUTE, now - 10_000_000):
        census["deliver"].count(PENDING_DELIVERIES, since, now)
    for kind in ("breaker one", "breaker one", "rate one", "breaker a name with spaces"):
        census["deliver"].count(f"{HELD_PEER} {kind}", 1, now)
    assert [registry.get_sample_value(name) for name in names] == [99 * 60, 3, 60]
    cases = {age: registry.get_sample_value("tocsin_cases_open", {"age": age}) for age in AGE_NAMES}
    assert cases == {"5m": 3, "1h": 1, "1d": 1, "7d": 0, "older": 0}
    assert registry.get_sample_value("tocsin_escalations_active") == 1
    assert registry.get_sample_value("tocsin_timeouts_learned") == 0
    held = [line for line in generate_latest(registry).decode().splitlines() if "peers_held_back{" in line]
    assert held == [
        'tocsin_endpoint_peers_held_back{by="breaker",endpoint="one"} 2.0',
        'tocsin_endpoint_peers_held_back{by="rate",endpoint="one"} 1.0',
        'tocsin_endpoint_peers_held_back{by="breaker",endpoint="a name with spaces"} 1.0',
    ]


def test_the_census_of_several_partitions_is_added_up() -> None:
    one, other = TimerCensus(), TimerCensus()
    one.count(OPEN_CASES, 5, 10)
    other.count(OPEN_CASES, 3, 10)
    other.count(OPEN_CASES, 4, 10 * 24 * 60 * MINUTE)
    one.add(other)
    assert (one.kinds[OPEN_CASES].oldest, one.kinds[OPEN_CASES].ages) == (3, [2, 0, 0, 0, 1])
    assert other.kinds[OPEN_CASES].rows == 2


def test_the_lag_of_a_dispatcher() -> None:
    registry = CollectorRegistry()
    registry.register(DispatchLag(lambda: {0: 5}))
    assert registry.get_sample_value("tocsin_consumer_lag_records", {"agent": "dispatch", "partition": "0"}) == 5.0


def test_endpoints_that_take_nothing_are_gauged_and_others_are_not() -> None:
    rows = {
        "endpoint/off": EndpointRow("off", "disabled", 1, "d", 7),
        "endpoint/failing": EndpointRow("failing", "enabled", 1, None, 0, 3, 1, "timeout"),
        "endpoint/hiccup": EndpointRow("hiccup", "enabled", 1, None, 0, 1, 1, "timeout"),
        "endpoint/foreign": EndpointRow("foreign", "disabled", 1),
        "endpoint/dead": EndpointRow("dead", "enabled", 1, waiting=9, failures=5, breaker="open"),
        "endpoint/busy": EndpointRow("busy", "enabled", 1, waiting=2, throttled_until=100),
        "endpoint/slow": EndpointRow("slow", "enabled", 1, waiting=4, answered=((40, 10),)),
        "endpoint/idle": EndpointRow("idle", "enabled", 1, answered=((40, 10),)),
    }
    tasks = [SimpleNamespace(row=lambda key: None), SimpleNamespace(row=rows.get)]
    registry, engine = CollectorRegistry(), SimpleNamespace(tasks_of=lambda agent: tasks)
    names = ["off", "failing", "hiccup", "well", "dead", "busy", "slow", "idle"]
    registry.register(EndpointMetrics(Meters(registry), engine, lambda: names, lambda: 50))  # type: ignore[arg-type]
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples == [
        'tocsin_endpoint_state{endpoint="off",state="disabled"} 1.0',
        'tocsin_endpoint_state{endpoint="failing",state="failing"} 1.0',
        'tocsin_endpoint_state{endpoint="dead",state="failing"} 1.0',
        'tocsin_deliveries_parked{endpoint="off"} 7.0',
        'tocsin_deliveries_parked{endpoint="failing"} 0.0',
        'tocsin_deliveries_parked{endpoint="dead"} 9.0',
        'tocsin_deliveries_parked{endpoint="busy"} 2.0',
        'tocsin_deliveries_parked{endpoint="slow"} 4.0',
        'tocsin_endpoint_held_back{by="breaker",endpoint="dead"} 1.0',
        'tocsin_endpoint_held_back{by="throttle",endpoint="busy"} 1.0',
        'tocsin_endpoint_held_back{by="rate",endpoint="slow"} 1.0',
    ]
