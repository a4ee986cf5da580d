"""The metrics of timers, as the engine's auditors counted them in their last rounds (engine/audit.py)."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tocsin.streams.engine.engine import Engine

OVERDUE = "tocsin_timers_overdue"
"""Anything but 0 for longer than a recovery takes is a fault: `tocsin doctor` warns of it."""


class TimerMetrics(Collector):
    """Read from the engine at each scrape; rounds are half a minute apart, longer with very many rows."""

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
