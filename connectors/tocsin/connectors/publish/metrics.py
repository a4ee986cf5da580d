"""What a publisher does, for Prometheus. By choice: it needs prometheus_client, and nothing else here imports it.

prometheus_client.REGISTRY.register(PublisherMetrics(publisher))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from prometheus_client.core import Metric

from tocsin.connectors.metrics.making import read
from tocsin.connectors.publish.stats import PublisherStats

OUTCOMES = {
    "acknowledged": "sent",
    "spooled": "spooled",
    "refused": "refused",
    "no_room": "no_room",
    "failed": "unconfirmed",
}
"""Outcome of a publication -> its field of Counts."""
SHOWN: Mapping[str, Callable[[PublisherStats], float]] = {
    "tocsin_publisher_drained_total": lambda stats: stats.counts.drained,
    "tocsin_publisher_attempts_failed_total": lambda stats: stats.counts.failed,
    "tocsin_publisher_spool_damaged_bytes_total": lambda stats: stats.damaged,
    "tocsin_publisher_away": lambda stats: stats.away,
    "tocsin_publisher_in_hand_bytes": lambda stats: stats.in_hand,
    "tocsin_publisher_spool_bytes": lambda stats: stats.waiting,
    "tocsin_publisher_spool_oldest_seconds": lambda stats: stats.oldest,
}
"""The other metrics, and what each is of what a publisher has done."""


class Published(Protocol):
    """A Publisher, a SyncPublisher or an HttpPublisher."""

    def stats(self) -> PublisherStats:
        """What it has done."""
        ...


class PublisherMetrics:
    """A collector of `tocsin_publisher_*` (docs/metrics.md), for the one publisher of a program."""

    def __init__(self, publisher: Published) -> None:
        self._publisher = publisher

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        stats = self._publisher.stats()
        yield read(
            "tocsin_publisher_events_total",
            {(outcome,): getattr(stats.counts, field) for outcome, field in OUTCOMES.items()},
        )
        for name, value in SHOWN.items():
            yield read(name, {(): value(stats)})
