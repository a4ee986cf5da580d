"""Metrics of single tenants: those that come near a limit of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import nlargest
from operator import attrgetter

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tocsin.streams.engine.engine import Engine
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.telemetry.metrics import MAX_SERIES, BoundedLabels


class TenantMetrics(Collector):
    """The tenants that have more than half of what they may have: at most MAX_SERIES, those that have most."""

    def __init__(self, engine: Engine, limits_of: Callable[[str], LoopLimits]) -> None:
        self._engine, self._limits_of = engine, limits_of

    def collect(self) -> Iterator[Metric]:
        """One sample for each such tenant and limit."""
        rows = GaugeMetricFamily("tocsin_tenant_rows", "Rows of tenants over half of their limit.", labels=["tenant"])
        cases = GaugeMetricFamily(
            "tocsin_tenant_cases_open", "Open cases of tenants over half of their limit.", labels=["tenant"]
        )
        for task in self._engine.tasks.values():
            state = task.state()
            counts = state.rows.counts if state else None
            if counts is not None:
                self._add(rows, counts.rows, lambda limits: limits.tenant_rows)
                self._add(cases, counts.open, lambda limits: limits.tenant_cases)
        for family in (rows, cases):
            bounded = BoundedLabels()
            family.samples = [
                sample._replace(labels={"tenant": bounded(sample.labels["tenant"])[0]})
                for sample in nlargest(MAX_SERIES, family.samples, key=attrgetter("value"))
            ]
            yield family

    def _add(self, family: GaugeMetricFamily, counts: Mapping[str, int], limit: Callable[[LoopLimits], int]) -> None:
        for tenant, count in counts.items():
            if 0 < limit(self._limits_of(tenant)) < 2 * count:
                family.add_metric([tenant], count)
