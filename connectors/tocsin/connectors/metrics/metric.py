"""What the catalogue says of one metric, and of one label."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """The type of a metric, as Prometheus has it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Process(StrEnum):
    """Who exposes a metric: a process of ours, or a program that uses our libraries and says so."""

    GATEWAY = "gateway"
    WORKER = "worker"
    DISPATCH = "dispatch"
    PROJECT = "project"
    SUBSCRIBER = "subscriber"
    PUBLISHER = "publisher"


class Metric(Struct, frozen=True, kw_only=True):
    """One metric. `name` is as it is exposed, so that of a counter ends in `_total`; `unit` is what one of it is;
    `buckets` are the upper bounds of a histogram; with `exemplars` each bucket shows one trace id."""

    name: str
    kind: Kind
    unit: str
    meaning: str
    processes: tuple[Process, ...]
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    exemplars: bool = False

    @property
    def signature(self) -> str:
        """Name and labels, as docs/stability.md promises them: `tocsin_rows{agent}`."""
        return f"{self.name}{{{','.join(self.labels)}}}"


class Label(Struct, frozen=True, kw_only=True):
    """One label. `cap` names the setting that bounds how many values one process shows, the rest being `other`; without
    one the values are a closed set, or as many as there are partitions."""

    name: str
    meaning: str
    cap: str | None = None
