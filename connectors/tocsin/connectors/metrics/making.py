"""Makes the metrics of a process, each as the catalogue says it, and shows them to Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from tocsin.connectors.metrics.bounds import Bounds
from tocsin.connectors.metrics.catalogue import CATALOGUE
from tocsin.connectors.metrics.metric import Kind, Metric
from tocsin.connectors.stability import Level, marks

disable_created_metrics()  # type: ignore[no-untyped-call]
"""The time at which a series was made is a second line for each one, and nobody asks for it."""

Made = TypeVar("Made", Counter, Gauge, Histogram)

Shown = TypeVar("Shown", bound=tuple[str, ...])

Values = Iterable[tuple[tuple[str, ...], float]]
"""Label values in the order of the catalogue, and what is shown for them."""


class Series(Generic[Made]):
    """One metric: called with label values it gives what counts under them, which is found again at once."""

    def __init__(self, made: Made, metric: Metric, bounds: Bounds) -> None:
        self._made: Made = made
        self._metric, self._bounds = metric, bounds
        self._of: dict[tuple[str, ...], Made] = {} if metric.labels else {(): made}

    def __call__(self, *values: str) -> Made:
        """What counts under these values, or under `other` where they are too many."""
        found = self._of.get(values)
        return self._new(values) if found is None else found

    def _new(self, values: tuple[str, ...]) -> Made:
        shown = self._bounds.shown(self._metric, values, len(self._of))
        found = self._of.get(shown)
        if found is None:
            found = self._of[shown] = self._made.labels(*shown)
        return found


class Meters:
    """The metrics of one process, in a registry; `bounds` say what their labels show."""

    def __init__(self, registry: CollectorRegistry, bounds: Bounds | None = None) -> None:
        self.registry = registry
        self.bounds = bounds or Bounds()

    def counter(self, name: str) -> Series[Counter]:
        """Make the counter of this name."""
        metric = _metric(name, Kind.COUNTER)
        made = Counter(_base(metric), _help(metric), metric.labels, registry=self.registry)
        return Series(made, metric, self.bounds)

    def gauge(self, name: str) -> Series[Gauge]:
        """Make the gauge of this name."""
        metric = _metric(name, Kind.GAUGE)
        return Series(Gauge(name, _help(metric), metric.labels, registry=self.registry), metric, self.bounds)

    def histogram(self, name: str) -> Series[Histogram]:
        """Make the histogram of this name."""
        metric = _metric(name, Kind.HISTOGRAM)
        made = Histogram(name, _help(metric), metric.labels, registry=self.registry, buckets=metric.buckets)
        return Series(made, metric, self.bounds)

    def read(self, name: str, values: Values) -> CounterMetricFamily | GaugeMetricFamily:
        """What was read at a scrape, as the metric of this name: as many as may be shown, the first ones first, and the
        rest added up under `other`."""
        metric, bounds = CATALOGUE[name], Bounds(self.bounds.caps)
        summed: dict[tuple[str, ...], float] = {}
        for said, value in values:
            shown = bounds.shown(metric, said, len(summed))
            summed[shown] = summed.get(shown, 0.0) + value
        return read(name, summed)


def read(name: str, values: Mapping[Shown, float]) -> CounterMetricFamily | GaugeMetricFamily:
    """What was read at a scrape, as the metric of this name, whose labels are bounded by what they are."""
    metric = CATALOGUE[name]
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind is Kind.COUNTER:
        family = CounterMetricFamily(_base(metric), _help(metric), labels=metric.labels)
    else:
        family = GaugeMetricFamily(name, _help(metric), labels=metric.labels)
    for shown, value in values.items():
        family.add_metric(shown, value)
    return family


def exposed(registry: CollectorRegistry, accept: str | None) -> tuple[bytes, str]:
    """The metrics and their media type: OpenMetrics, with exemplars, for who accepts it, else Prometheus' text."""
    encode, media_type = choose_encoder(accept or "")
    return encode(registry), media_type


def exemplar(traceparent: str | None) -> dict[str, str] | None:
    """What a bucket shows of the trace that an observation belongs to."""
    return None if traceparent is None else {"trace_id": traceparent[3:35]}


def _metric(name: str, kind: Kind) -> Metric:
    metric = CATALOGUE[name]
    if metric.kind is not kind:
        raise ValueError(f"{name} is a {metric.kind}, not a {kind}")
    return metric


def _help(metric: Metric) -> str:
    """What `# HELP` says: first whether the metric will stay, as Kubernetes has it (`[STABLE]`)."""
    mark = marks("metrics").get(metric.signature)
    return f"[{(mark.level if mark else Level.UNSTABLE).upper()}] {metric.meaning}"


def _base(metric: Metric) -> str:
    """The name of a counter without what the client adds."""
    return metric.name.removesuffix("_total")
