"""Metrics of single tenants: those that come near a limit of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from tocsin.connectors.metrics.making import Meters
from tocsin.streams.engine.engine import Engine
from tocsin.streams.rules.policies import LoopLimits


class TenantMetrics(Collector):
    """The tenants that have more than half of what they may have: as many as are shown, those that have most."""

    def __init__(self, meters: Meters, engine: Engine, limits_of: Callable[[str], LoopLimits]) -> None:
        self._meters, self._engine, self._limits_of = meters, engine, limits_of

    def collect(self) -> Iterator[Metric]:
        """One sample for each such tenant and limit."""
        rows: dict[str, int] = {}
        cases: dict[str, int] = {}
        for task in self._engine.tasks.values():
            state = task.state()
            counts = state.rows.counts if state else None
            if counts is not None:
                self._add(rows, counts.rows, lambda limits: limits.tenant_rows)
                self._add(cases, counts.open, lambda limits: limits.tenant_cases)
        for name, found in (("tocsin_tenant_rows", rows), ("tocsin_tenant_cases_open", cases)):
            most_first = sorted(found.items(), key=lambda one: one[1], reverse=True)
            yield self._meters.read(name, [((tenant,), count) for tenant, count in most_first])

    def _add(self, found: dict[str, int], counts: Mapping[str, int], limit: Callable[[LoopLimits], int]) -> None:
        for tenant, count in counts.items():
            if 0 < limit(self._limits_of(tenant)) < 2 * count:
                found[tenant] = found.get(tenant, 0) + count
