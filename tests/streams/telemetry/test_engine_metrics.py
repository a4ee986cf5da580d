"""What a scrape says of timers."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

from prometheus_client import CollectorRegistry, generate_latest

from tocsin.streams.engine.audit import TimerCensus
from tocsin.streams.telemetry.engine_metrics import TimerMetrics


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
