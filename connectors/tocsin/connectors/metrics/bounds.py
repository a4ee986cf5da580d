"""What labels show: so many values of each that records or strangers choose, the rest as `other`."""

from __future__ import annotations

from collections.abc import Container, Mapping
from hashlib import sha256

from msgspec import Struct

from tocsin.connectors.metrics.catalogue import LABELS
from tocsin.connectors.metrics.metric import Metric

OTHER = "other"
NONE = "none"
MAX_LABEL = 64
"""Characters of a label value. A longer one is cut, and ends in a digest of the whole: different names stay apart."""


class Caps(Struct, frozen=True, kw_only=True):
    """How many values one process shows of each label that has a cap (`Label.cap` names the field); `metrics_series` is
    how many sets of labels a metric has, beyond which all of those are `other`."""

    metrics_tenants: int = 100
    metrics_codes: int = 200
    metrics_endpoints: int = 100
    metrics_peers: int = 100
    metrics_reasons: int = 100
    metrics_series: int = 500


class Bounds:
    """The values that one process shows, those that came first; all its metrics share them. `always` are further ones
    that are shown whenever they come, by label."""

    def __init__(self, caps: Caps | None = None, always: Mapping[str, Container[str]] | None = None) -> None:
        self.caps = caps or Caps()
        self._always = always or {}
        self._seen: dict[str, set[str]] = {name: {NONE, OTHER} for name, label in LABELS.items() if label.cap}

    def shown(self, metric: Metric, values: tuple[str, ...], series: int) -> tuple[str, ...]:
        """The values under which a metric that has so many `series` counts a set of labels that it does not have."""
        full = series >= self.caps.metrics_series
        return tuple(
            (OTHER if full else self._bounded(name, value)) if name in self._seen else value
            for name, value in zip(metric.labels, values, strict=True)
        )

    def _bounded(self, name: str, value: str) -> str:
        if len(value) > MAX_LABEL:
            value = _cut(value)
        seen = self._seen[name]
        if value in seen or value in self._always.get(name, ()):
            return value
        cap = LABELS[name].cap
        if len(seen) - 2 >= (getattr(self.caps, cap) if cap else 0):
            return OTHER
        seen.add(value)
        return value


def one_of(known: Container[str], value: str | None) -> str:
    """The value when it is known, `none` when there is none, else `other`."""
    if value is None:
        return NONE
    return value if value in known else OTHER


def _cut(value: str) -> str:
    return f"{value[: MAX_LABEL - 13]}~{sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
