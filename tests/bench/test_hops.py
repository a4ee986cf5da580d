"""What is read of the topics for the table of hops, and its arithmetic. No times of this machine."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from tests.bench.hops import OUTBOX, events_of, hops, moment_of, table
from tocsin.connectors.publish import Origin, problem, problem_reported
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, DeliveryRequested, Event, Outcome
from tocsin.streams.engine.outbox import OutboxRecord, encode_outbox

BASE: dict[str, Any] = {"event_id": "e", "tenant": "acme", "occurred_at": 1, "recorded_at": 1}
TOLD: dict[str, Any] = {"about": "e", "content_type": "text/plain", "body": b"x"}
REPORTED = problem_reported(problem("e.p.x"), Origin(tenant="acme", event_id="report-1"), now=1)
REQUESTED = DeliveryRequested(**BASE, **TOLD, delivery_id="d-1", endpoint="owner")
ATTEMPT = DeliveryAttempt(**BASE, **TOLD, delivery_id="d-1", endpoint="owner", attempt=1)
OUTCOME = DeliveryOutcome(
    **BASE, delivery_id="d-1", endpoint="owner", attempt=1, outcome=Outcome.DELIVERED, reason="ok", duration=1
)


@pytest.mark.parametrize(
    ("topic", "event", "expected"),
    [
        ("inbox", REPORTED, ("inbox", "report-1")),
        ("decide-changelog", REQUESTED, ("decided", "d-1")),
        ("deliveries", REQUESTED, ("deliveries", "d-1")),
        ("deliver-changelog", ATTEMPT, ("scheduled", "d-1")),
        ("attempts", ATTEMPT, ("attempts", "d-1")),
        ("deliveries", OUTCOME, ("outcome", "d-1")),
        ("decide-changelog", REPORTED, None),
    ],
    ids=["a report", "decided", "requested", "scheduled", "asked for", "its outcome", "something else there"],
)
def test_what_moment_a_record_is(topic: str, event: Event, expected: tuple[str, str] | None) -> None:
    assert moment_of(topic, event) == expected


def test_of_a_changelog_only_the_outbox_has_events() -> None:
    outbox = encode_outbox([OutboxRecord("deliveries", b"k", encode(REQUESTED), (), 1)])
    assert events_of("decide-changelog", OUTBOX, outbox) == [REQUESTED]
    assert events_of("decide-changelog", b"rcase", b"a row") == []
    assert events_of("deliveries", b"b", encode(OUTCOME)) == [OUTCOME]


ONE = {"published": 100.0, "inbox": 101.0, "decided": 104.0}
TWO = {"published": 200.0, "inbox": 203.0, "decided": 213.0}


def test_a_hop_begins_at_the_moment_before() -> None:
    assert hops([ONE, TWO]) == [
        {"to": "inbox", "p50_ms": 2.0, "p99_ms": 3.0, "by_p50_ms": 2.0, "deliveries": 2},
        {"to": "decided", "p50_ms": 6.5, "p99_ms": 10.0, "by_p50_ms": 8.5, "deliveries": 2},
    ]


def test_a_delivery_of_which_a_moment_is_not_known_is_left_out_of_that_hop() -> None:
    told = hops([ONE, {"published": 5.0, "decided": 9.0}])
    assert [(hop["to"], hop["deliveries"]) for hop in told] == [("inbox", 1), ("decided", 1)]


def test_the_table_has_a_line_for_each_hop() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(table(hops([ONE, TWO])))
    assert any("decide-changelog" in line and "6.5" in line and "8.5" in line for line in out.getvalue().splitlines())
