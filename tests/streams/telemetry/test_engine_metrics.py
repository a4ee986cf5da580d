"""What a scrape says of timers and of partitions that halted."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

from prometheus_client import CollectorRegistry, generate_latest

from tocsin.streams.engine.audit import TimerCensus
from tocsin.streams.engine.phase import Trouble
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.telemetry.engine_metrics import EndpointMetrics, HaltedPartitions, TimerMetrics


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


def test_endpoints_that_take_nothing_are_gauged_and_others_are_not() -> None:
    rows = {
        "endpoint/off": EndpointRow("off", "disabled", 1, "d", 7),
        "endpoint/failing": EndpointRow("failing", "enabled", 1, None, 0, 3, 1, "timeout"),
        "endpoint/hiccup": EndpointRow("hiccup", "enabled", 1, None, 0, 1, 1, "timeout"),
        "endpoint/foreign": EndpointRow("foreign", "disabled", 1),
    }
    tasks = [SimpleNamespace(row=lambda key: None), SimpleNamespace(row=rows.get)]
    registry, engine = CollectorRegistry(), SimpleNamespace(tasks_of=lambda agent: tasks)
    registry.register(EndpointMetrics(engine, lambda: ["off", "failing", "hiccup", "well"]))  # type: ignore[arg-type]
    samples = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert samples == [
        'tocsin_endpoint_state{endpoint="off",state="disabled"} 1.0',
        'tocsin_endpoint_state{endpoint="failing",state="failing"} 1.0',
        'tocsin_deliveries_parked{endpoint="off"} 7.0',
        'tocsin_deliveries_parked{endpoint="failing"} 0.0',
    ]
