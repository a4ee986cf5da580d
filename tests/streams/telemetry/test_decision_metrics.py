"""What the rules did is counted, by labels from closed sets."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tocsin.connectors.metrics.making import Meters
from tocsin.schemas import events
from tocsin.schemas.events import (
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    Event,
    ProblemResolved,
    ProblemsDigested,
    ProblemSuppressed,
    TimeoutNoticed,
)
from tocsin.streams.engine.fold import Folded
from tocsin.streams.rules.decision import PROBLEMS, Emit
from tocsin.streams.silences.silences import Silences
from tocsin.streams.telemetry import counting
from tocsin.streams.telemetry.engine_metrics import watch_silences
from tocsin.streams.telemetry.metrics import WorkerMetrics

COMMON: dict[str, Any] = {"event_id": "e", "tenant": "acme", "occurred_at": 1, "recorded_at": 1}
CASE = COMMON | {"case": "c"}


class _Rules:
    name = "decide"


# the event, the metric, its label, what is added
COUNTED: dict[str, tuple[Event, str, str, float]] = {
    "raised": (EscalationRaised(**CASE, policy="p", report="r"), "escalations", "raised", 1),
    "stepped": (EscalationStepped(**CASE, policy="p", step=0), "escalations", "stepped", 1),
    "acknowledged": (EscalationAcknowledged(**CASE, by="ann"), "escalations", "acknowledged", 1),
    "snoozed": (EscalationSnoozed(**CASE, by="ann", until=2), "escalations", "snoozed", 1),
    "exhausted": (EscalationExhausted(**CASE, policy="p"), "escalations", "exhausted", 1),
    "cancelled": (EscalationCancelled(**CASE, reason="resolved"), "escalations", "cancelled", 1),
    "suppressed": (ProblemSuppressed(**CASE, report="r", reason="silenced"), "suppressed", "silenced", 1),
    "suppressed, who knows why": (ProblemSuppressed(**CASE, report="r", reason="mood"), "suppressed", "other", 1),
    "given up": (TimeoutNoticed(**COMMON, waited=1, choice="give_up"), "timeouts", "give_up", 1),
    "chosen otherwise": (TimeoutNoticed(**COMMON, waited=1, choice="pray"), "timeouts", "other", 1),
    "a digest": (
        ProblemsDigested(**COMMON, group="g", why="muted", since=1, until=2, count=7), "digests", "muted", 1,
    ),
    "problems of a digest": (
        ProblemsDigested(**COMMON, group="g", why="muted", since=1, until=2, count=7), "digested_problems", "muted", 7,
    ),
    "resolved is not an escalation": (ProblemResolved(**CASE, by="ann"), "escalations", "cancelled", 0),
}  # fmt: skip


@pytest.mark.parametrize(("event", "metric", "label", "count"), COUNTED.values(), ids=list(COUNTED))
def test_counted(event: Event, metric: str, label: str, count: float) -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(Meters(registry))
    metrics.written(_Rules(), 0, Folded(taken=1, decisions=[Emit(PROBLEMS, "c", event)]))  # type: ignore[arg-type]
    found = {
        next(iter(sample.labels.values())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == f"tocsin_{metric}_total"
    }
    assert found[label] == count
    assert sum(found.values()) == count


def test_every_event_of_the_topics_problems_and_escalations_is_counted() -> None:
    wanted = (".problems", ".escalations")
    assert counting.SEEN.keys() >= {kind for kind in events.EVENTS.values() if kind.__module__.endswith(wanted)}


def test_silences_are_shown() -> None:
    registry = CollectorRegistry()
    silences = Silences()
    watch_silences(Meters(registry), lambda: silences.in_force)
    assert registry.get_sample_value("tocsin_silences") == 0
