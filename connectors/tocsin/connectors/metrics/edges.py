"""Metrics of the gateway, and of programs that publish or subscribe with our libraries."""

from __future__ import annotations

from tocsin.connectors.metrics.metric import Kind, Metric, Process

_GATEWAY, _SUBSCRIBER, _PUBLISHER = (Process.GATEWAY,), (Process.SUBSCRIBER,), (Process.PUBLISHER,)

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Up to the deadline of a publication."""

EDGES = (
    Metric(
        name="tocsin_gateway_requests_total", kind=Kind.COUNTER, unit="requests", meaning="Requests answered.",
        labels=("route", "status"), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_gateway_request_seconds", kind=Kind.HISTOGRAM, unit="seconds",
        meaning="From the head of a request to the end of its answer.",
        labels=("route",), processes=_GATEWAY, buckets=REQUEST_SECONDS, exemplars=True,
    ),
    Metric(
        name="tocsin_gateway_accepted_total", kind=Kind.COUNTER, unit="events",
        meaning="Events that Kafka acknowledged, by dialect, or `activity`, `command`.",
        labels=("kind",), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_gateway_refused_total", kind=Kind.COUNTER, unit="documents",
        meaning="Documents and requests refused.", labels=("reason",), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_gateway_ignored_total", kind=Kind.COUNTER, unit="documents",
        meaning="Documents that are no problem, by whether kept.", labels=("kept",), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_gateway_source_messages_total", kind=Kind.COUNTER, unit="messages",
        meaning="Messages of agents and error SDKs, by kind: taken, ignored, refused, unstored.",
        labels=("source", "what", "outcome"), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_didcomm_received_total", kind=Kind.COUNTER, unit="envelopes",
        meaning="DIDComm envelopes dealt with, by what became of them.", labels=("outcome",), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_didcomm_pickups_total", kind=Kind.COUNTER, unit="rounds",
        meaning="Rounds of fetching at a mediator: fetched, empty, refused, failed.",
        labels=("result",), processes=_GATEWAY,
    ),
    Metric(
        name="tocsin_subscriber_lag_records", kind=Kind.GAUGE, unit="records",
        meaning="Records that are not done yet, of the partitions that are held here.",
        labels=("group", "topic", "partition"), processes=_SUBSCRIBER,
    ),
    Metric(
        name="tocsin_subscriber_waiting", kind=Kind.GAUGE, unit="1", meaning="1 while something is waited for.",
        labels=("group",), processes=_SUBSCRIBER,
    ),
    Metric(
        name="tocsin_subscriber_handled_total", kind=Kind.COUNTER, unit="events",
        meaning="Events whose handler returned.", labels=("group",), processes=_SUBSCRIBER,
    ),
    Metric(
        name="tocsin_subscriber_retried_total", kind=Kind.COUNTER, unit="calls",
        meaning="Calls of a handler that failed and were tried again.", labels=("group",), processes=_SUBSCRIBER,
    ),
    Metric(
        name="tocsin_subscriber_dead_total", kind=Kind.COUNTER, unit="events",
        meaning="Events that became dead letters because of their handler.", labels=("group",), processes=_SUBSCRIBER,
    ),
    Metric(
        name="tocsin_subscriber_unreadable_total", kind=Kind.COUNTER, unit="records",
        meaning="Records that are no event, and became dead letters.", labels=("group",), processes=_SUBSCRIBER,
    ),
    Metric(
        name="tocsin_publisher_events_total", kind=Kind.COUNTER, unit="events",
        meaning="Events by what became of their publication: acknowledged (spooled ones later, too), spooled, refused,"
        " no_room, failed.",
        labels=("outcome",), processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_drained_total", kind=Kind.COUNTER, unit="events",
        meaning="Events that were sent from the spool.", processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_attempts_failed_total", kind=Kind.COUNTER, unit="attempts",
        meaning="Attempts in vain to reach the bus from the spool.", processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_away", kind=Kind.GAUGE, unit="1", meaning="1 while the bus does not answer.",
        processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_in_hand_bytes", kind=Kind.GAUGE, unit="bytes",
        meaning="What is in memory and under way.", processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_spool_bytes", kind=Kind.GAUGE, unit="bytes",
        meaning="What is in the spool, which the bus does not have yet.", processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_spool_oldest_seconds", kind=Kind.GAUGE, unit="seconds",
        meaning="How long the oldest of it has waited, about.", processes=_PUBLISHER,
    ),
    Metric(
        name="tocsin_publisher_spool_damaged_bytes_total", kind=Kind.COUNTER, unit="bytes",
        meaning="Bytes in the spool that were no event: writes that were cut short, faults of the disk.",
        processes=_PUBLISHER,
    ),
)  # fmt: skip
"""In the order of the page."""
