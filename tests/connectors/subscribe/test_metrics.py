"""What Prometheus sees of a subscriber."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from tests.connectors.subscribe.events import opened
from tocsin.connectors.metrics import CATALOGUE, Process
from tocsin.connectors.subscribe import MemorySubscriber, Received, Retries
from tocsin.connectors.subscribe.metrics import SubscriberMetrics


async def test_what_became_of_events_and_what_is_left() -> None:
    registry = CollectorRegistry()
    subscriber = MemorySubscriber([opened(n) for n in range(5)], retries=Retries(times=2))
    registry.register(SubscriberMetrics(subscriber))

    def handler(told: Received) -> None:
        if told.event_id == "event-1":
            raise KeyError
        if told.event_id == "event-3":
            subscriber.stop()

    await subscriber.run(handler)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert lines == [
        'tocsin_subscriber_lag_records{group="memory",partition="0",topic="memory"} 1.0',
        'tocsin_subscriber_waiting{group="memory"} 0.0',
        'tocsin_subscriber_handled_total{group="memory"} 3.0',
        'tocsin_subscriber_retried_total{group="memory"} 1.0',
        'tocsin_subscriber_dead_total{group="memory"} 1.0',
        'tocsin_subscriber_unreadable_total{group="memory"} 0.0',
    ]


def test_every_metric_is_in_the_catalogue_and_the_other_way_round() -> None:
    made = {family.name for family in SubscriberMetrics(MemorySubscriber([])).collect()}
    named = {one.name.removesuffix("_total") for one in CATALOGUE.values() if Process.SUBSCRIBER in one.processes}
    assert made == named
