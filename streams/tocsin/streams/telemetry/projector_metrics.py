"""Metrics of the projector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from tocsin.connectors.metrics.making import Meters, read
from tocsin.streams.engine.lag import Lag

PROJECTOR_LAG = "tocsin_projector_lag_records"
"""The name of the gauge that `tocsin doctor` warns of: what the store does not know yet."""


class ProjectorMetrics:
    """Counts what was taken up, and what could not be."""

    def __init__(self, meters: Meters, behind: Callable[[], Mapping[str, Lag]]) -> None:
        self._records = meters.counter("tocsin_projector_records_total")
        self._batch = meters.histogram("tocsin_projector_batch_records")
        self._unreadable = meters.counter("tocsin_projector_unreadable_total")
        self._erased = meters.counter("tocsin_projector_erased_total")
        self._forgotten = meters.counter("tocsin_projector_forgotten_rows_total")
        meters.registry.register(ProjectorLag(behind))

    def applied(self, records: int, unreadable: Mapping[str, int], erased: int) -> None:
        """A transaction was committed."""
        self._records().inc(records)
        self._batch().observe(records)
        self._erased().inc(erased)
        for reason, number in unreadable.items():
            self._unreadable(reason).inc(number)

    def forgotten(self, kind: str, rows: int) -> None:
        """Old rows were deleted."""
        self._forgotten(kind).inc(rows)


class ProjectorLag(Collector):
    """How far the store is behind, by topic."""

    def __init__(self, behind: Callable[[], Mapping[str, Lag]]) -> None:
        self._behind = behind

    def collect(self) -> Iterator[Metric]:
        """Two samples for each topic."""
        lags = self._behind()
        yield read(PROJECTOR_LAG, {(topic,): lag.records for topic, lag in lags.items()})
        yield read("tocsin_projector_lag_seconds", {(topic,): lag.seconds for topic, lag in lags.items()})
