"""What a subscriber does, for Prometheus. By choice: it needs prometheus_client, and nothing else here imports it.

prometheus_client.REGISTRY.register(SubscriberMetrics(subscriber))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

COUNTERS = {
    "handled": ("tocsin_subscriber_handled", "Events whose handler returned"),
    "retried": ("tocsin_subscriber_retried", "Calls of a handler that failed and were tried again"),
    "dead": ("tocsin_subscriber_dead", "Events that became dead letters because of their handler"),
    "unreadable": ("tocsin_subscriber_unreadable", "Records that are no event, and became dead letters"),
}
"""The counter of each fate, and what it says."""


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
        lag = GaugeMetricFamily(
            "tocsin_subscriber_lag_records", "Records that are not done yet", labels=["group", "topic", "partition"]
        )
        for (topic, partition), records in self._subscriber.lag().items():
            lag.add_metric([group, topic, str(partition)], records)
        yield lag
        waiting = GaugeMetricFamily("tocsin_subscriber_waiting", "Whether something is waited for", labels=["group"])
        waiting.add_metric([group], 0 if self._subscriber.trouble() is None else 1)
        yield waiting
        for fate, (name, what) in COUNTERS.items():
            counter = CounterMetricFamily(name, what, labels=["group"])
            counter.add_metric([group], counts.get(fate, 0))
            yield counter
