"""What a subscriber does, for Prometheus. By choice: it needs prometheus_client, and nothing else here imports it.

prometheus_client.REGISTRY.register(SubscriberMetrics(subscriber))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import Metric

from tocsin.connectors.metrics.making import read

FATES = ("handled", "retried", "dead", "unreadable")
"""What becomes of events; each has its counter."""


class Read(Protocol):
    """A Subscriber or SyncSubscriber."""

    @property
    def group(self) -> str:
        """Its consumer group."""
        ...

    def lag(self) -> dict[tuple[str, int], int]:
        """Records that are not done, by topic and partition."""
        ...

    def trouble(self) -> str | None:
        """What is waited for."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many events of each fate."""
        ...


class SubscriberMetrics:
    """A collector: `tocsin_subscriber_lag_records` (of the partitions that are held here), `tocsin_subscriber_waiting`
    (1 while something is waited for), `tocsin_subscriber_handled_total`, `..._retried_total`, `..._dead_total`,
    `..._unreadable_total`."""

    def __init__(self, subscriber: Read) -> None:
        self._subscriber = subscriber

    def collect(self) -> Iterator[Metric]:
        """Called at each scrape."""
        group, counts = self._subscriber.group, self._subscriber.counts()
        lags = self._subscriber.lag().items()
        yield read("tocsin_subscriber_lag_records", {(group, topic, str(at)): records for (topic, at), records in lags})
        yield read("tocsin_subscriber_waiting", {(group,): 0 if self._subscriber.trouble() is None else 1})
        for fate in FATES:
            yield read(f"tocsin_subscriber_{fate}_total", {(group,): counts.get(fate, 0)})
