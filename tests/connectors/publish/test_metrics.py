"""What Prometheus sees of a publisher."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from tocsin.connectors.metrics.edges import EDGES
from tocsin.connectors.metrics.metric import Process
from tocsin.connectors.publish import Publisher, Spool, problem
from tocsin.connectors.publish.metrics import SHOWN, PublisherMetrics


def test_what_became_of_events_and_what_waits(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    with Publisher.sync("127.0.0.1:1", spool=Spool(tmp_path), deadline=0.2) as publisher:
        registry.register(PublisherMetrics(publisher))
        for _ in range(3):
            publisher.publish(problem("e.p.x"))
        waiting = publisher.stats().waiting
        lines = generate_latest(registry).decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    for varies in ("tocsin_publisher_attempts_failed_total", "tocsin_publisher_spool_oldest_seconds"):
        assert float(told.pop(varies)) >= 0
    assert told == {
        'tocsin_publisher_events_total{outcome="acknowledged"}': "0.0",
        'tocsin_publisher_events_total{outcome="spooled"}': "3.0",
        'tocsin_publisher_events_total{outcome="refused"}': "0.0",
        'tocsin_publisher_events_total{outcome="no_room"}': "0.0",
        'tocsin_publisher_events_total{outcome="failed"}': "0.0",
        "tocsin_publisher_drained_total": "0.0",
        "tocsin_publisher_in_hand_bytes": "0.0",
        "tocsin_publisher_away": "1.0",
        "tocsin_publisher_spool_bytes": f"{waiting}.0",
        "tocsin_publisher_spool_damaged_bytes_total": "0.0",
    }


def test_every_metric_is_in_the_catalogue() -> None:
    shown = {metric.name for metric in EDGES if Process.PUBLISHER in metric.processes}
    made = {"tocsin_publisher_events_total", *SHOWN}
    assert made == shown
