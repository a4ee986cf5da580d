"""What is counted stays bounded, whatever the records carry; broken rules by tenant, peer, dialect and rule."""

from __future__ import annotations

import hashlib
from collections import Counter
from math import prod
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tocsin.connectors.metrics import CATALOGUE, LABELS
from tocsin.connectors.metrics.bounds import MAX_LABEL, OTHER, Bounds, Caps
from tocsin.connectors.metrics.making import Meters, exposed
from tocsin.schemas.events import (
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    Event,
    Outcome,
    ProblemOpened,
    ProblemRepeated,
    ProblemSuppressed,
    ThreadContext,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Problem, Severity, Source, Violation
from tocsin.streams.engine.fold import Folded
from tocsin.streams.rules.decision import DELIVERIES, PROBLEMS, DeadLetter, Emit
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.counting import SUPPRESSIONS
from tocsin.streams.telemetry.metrics import DispatchMetrics, WorkerMetrics
from tocsin.streams.telemetry.registry import bounds_of

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
DID = "did:peer:2.alice"
COMMON: dict[str, Any] = {"event_id": "e", "occurred_at": 1, "recorded_at": 1, "case": "c", "report": "r"}
THREAD = ThreadContext(first_seen=1, last_seen=1)


class _Rules:
    name = "decide"


def _problem(*rules: str, dialect: str = "hipe", source: Source | None = None) -> Problem:
    return Problem(
        dialect=dialect, code="x", violations=[Violation(rule=rule) for rule in rules], source=source or Source()
    )


def _opened(*rules: str, tenant: str = "acme", **members: Any) -> ProblemOpened:
    return ProblemOpened(**COMMON, tenant=tenant, problem=_problem(*rules, **members), thread=THREAD)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _counted(*events: Event, bounds: Bounds | None = None) -> dict[tuple[str, str, str, str], float]:
    registry = CollectorRegistry()
    decisions: list[object] = [Emit(PROBLEMS, "c", event) for event in events]
    WorkerMetrics(Meters(registry, bounds)).written(_Rules(), 0, Folded(taken=1, decisions=decisions))  # type: ignore[arg-type]
    return {
        (each.labels["tenant"], each.labels["peer"], each.labels["dialect"], each.labels["rule"]): each.value
        for metric in registry.collect()
        for each in metric.samples
        if each.name == "tocsin_violations_total"
    }


ROWS: dict[str, tuple[list[Event], dict[tuple[str, str, str, str], float]]] = {
    "nothing broken": ([_opened()], {}),
    "two rules by the sender": (
        [_opened("a-rule", "other-rule", source=Source(sender=DID))],
        {("acme", _digest(DID), "hipe", "a-rule"): 1, ("acme", _digest(DID), "hipe", "other-rule"): 1},
    ),
    "one rule at two places": ([_opened("a", "a")], {("acme", "none", "hipe", "a"): 2}),
    "no sender: the connection": (
        [_opened("a", source=Source(connection="7"))], {("acme", _digest("7"), "hipe", "a"): 1}),
    "the sender comes before the connection": (
        [_opened("a", source=Source(sender=DID, connection="7"))], {("acme", _digest(DID), "hipe", "a"): 1}),
    "an empty sender is none": ([_opened("a", source=Source(sender=""))], {("acme", "none", "hipe", "a"): 1}),
    "a sender that is not Unicode": (
        [_opened("a", source=Source(sender="\ud800"))], {("acme", _digest("\ud800"), "hipe", "a"): 1}),
    "repeated": (
        [ProblemRepeated(**COMMON, tenant="acme", problem=_problem("a"), thread=THREAD, count=2)],
        {("acme", "none", "hipe", "a"): 1},
    ),
    "suppressed is not counted": ([ProblemSuppressed(**COMMON, tenant="acme", reason="duplicate")], {}),
    "rules that are no names": (
        [_opened("A", "a b", "", "a\n", "x" * 65, "é")], {("acme", "none", "hipe", "other"): 6}),
    "the longest name": ([_opened("x" * 64)], {("acme", "none", "hipe", "x" * 64): 1}),
    "a dialect that is not known": ([_opened("a", dialect="klingon")], {("acme", "none", "other", "a"): 1}),
    "another tenant": ([_opened("a"), _opened("a", tenant="b")],
                       {("acme", "none", "hipe", "a"): 1, ("b", "none", "hipe", "a"): 1}),
}  # fmt: skip


@pytest.mark.parametrize(("events", "expected"), ROWS.values(), ids=ROWS)
def test_broken_rules(events: list[Event], expected: dict[tuple[str, str, str, str], float]) -> None:
    assert _counted(*events) == expected


def test_more_peers_than_are_shown_are_counted_as_one_with_the_rest_of_their_labels() -> None:
    opened = [_opened("a", source=Source(sender=f"did:x:{number}")) for number in range(10)]
    counted = _counted(*opened, bounds=Bounds(Caps(metrics_peers=3)))
    assert len(counted) == 4
    assert counted["acme", OTHER, "hipe", "a"] == 7


def test_a_metric_that_has_all_its_series_shows_no_new_names() -> None:
    opened = [_opened("a", tenant=f"t{number % 9}", source=Source(sender=f"did:x:{number}")) for number in range(30)]
    counted = _counted(*opened, bounds=Bounds(Caps(metrics_series=12)))
    assert len(counted) == 13
    assert counted[OTHER, OTHER, "hipe", OTHER] == 18


def test_the_did_itself_is_nowhere() -> None:
    assert DID not in str(_counted(_opened("a", source=Source(sender=DID))))


def test_a_long_name_is_cut_as_a_label_and_stays_apart_from_others() -> None:
    metric, bounds = CATALOGUE["tocsin_deliveries_requested_total"], Bounds()
    [one], [other] = (bounds.shown(metric, ("x" * length,), 0) for length in (100_000, 99_999))
    assert {len(one), len(other)} == {MAX_LABEL}
    assert one != other
    assert bounds.shown(metric, ("x" * 100_000,), 0) == (one,)
    assert bounds.shown(metric, ("x" * MAX_LABEL,), 0) == ("x" * MAX_LABEL,)


CODES = {
    "a code of the catalogue": ("e.p.xfer", "e.p.xfer"),
    "one of somebody": ("e.p.our-own.thing_2", "e.p.our-own.thing_2"),
    "a DID": ("did:peer:2.alice", OTHER),
    "a URL": ("https://example.org/problem", OTHER),
    "an id": ("0af76519-16cd-43dd-8448-eb211c80319c", OTHER),
    "many tokens": (".".join("a" * 17), OTHER),
    "nothing": ("", OTHER),
}


@pytest.mark.parametrize(("code", "shown"), CODES.values(), ids=CODES)
def test_only_what_looks_like_a_code_is_shown_as_one(code: str, shown: str) -> None:
    registry = CollectorRegistry()
    event = ProblemOpened(**COMMON, tenant="acme", problem=Problem(dialect="hipe", code=code), thread=THREAD)
    folded = Folded(taken=1, decisions=[Emit(PROBLEMS, "c", event)])
    WorkerMetrics(Meters(registry)).written(_Rules(), 0, folded)  # type: ignore[arg-type]
    labels = {"code": shown, "severity": "unknown"}
    assert registry.get_sample_value("tocsin_problem_codes_total", labels) == 1


def _attempt(**changes: Any) -> tuple[DeliveryAttempt, DeliveryOutcome]:
    common: dict[str, Any] = {"event_id": "e", "tenant": "t", "occurred_at": 0, "delivery_id": "d", "attempt": 1}
    common |= {"endpoint": "hook", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    sent = {"published_at": 1_000_000, "replay": 0} | changes
    attempt = DeliveryAttempt(**common, recorded_at=0, about="r", content_type="x", body=b"", **sent)
    outcome = DeliveryOutcome(**common, recorded_at=5_000_000, outcome=Outcome.DELIVERED, reason="ok", duration=20_000)
    return attempt, outcome


LATENCIES: dict[str, tuple[dict[str, Any], float | None]] = {
    "from publishing to the answer": ({}, 4.0),
    "published by a clock that is ahead": ({"published_at": 9_000_000}, 0.0),
    "not known when it was published": ({"published_at": 0}, None),
    "a replay": ({"replay": 1}, None),
}


@pytest.mark.parametrize(("changes", "seconds"), LATENCIES.values(), ids=LATENCIES)
def test_how_long_it_took_from_publishing(changes: dict[str, Any], seconds: float | None) -> None:
    registry = CollectorRegistry()
    DispatchMetrics(Meters(registry)).outcome(*_attempt(**changes))
    assert registry.get_sample_value("tocsin_publish_to_delivered_seconds_sum", {"endpoint": "hook"}) == seconds
    assert registry.get_sample_value("tocsin_attempt_seconds_sum", {"endpoint": "hook"}) == 0.02


def test_a_bucket_shows_the_trace_that_fell_into_it() -> None:
    registry = CollectorRegistry()
    DispatchMetrics(Meters(registry)).outcome(*_attempt())
    text = exposed(registry, OPENMETRICS)[0].decode()
    shown = [line for line in text.splitlines() if f'# {{trace_id="{"a" * 32}"}} ' in line]
    assert [line.partition("{")[0] for line in shown] == [
        "tocsin_attempt_seconds_bucket", "tocsin_publish_to_delivered_seconds_bucket"
    ]  # fmt: skip


FORGED = 100_000
MIB = 1024 * 1024


def _name(number: int) -> str:
    """A name as long as a label may be, and different from all others."""
    return f"{number:06d}".ljust(MAX_LABEL, "x")


def _forged(number: int) -> list[object]:
    """Everything that one event of a stranger can bring into labels."""
    name = _name(number)
    code = f"{number:032d}.{number:031d}"
    told: dict[str, Any] = {"event_id": "e", "tenant": name, "occurred_at": 1, "recorded_at": 1}
    common = told | {"case": "c", "report": "r"}
    severity = (Severity.ERROR, Severity.WARNING, Severity.UNKNOWN)[number % 3]
    problem = Problem(
        dialect="didcomm2", code=code, severity=severity, category=name, scope=name,
        violations=[Violation(rule=name.lower())], source=Source(sender=name),
    )  # fmt: skip
    base = told | {"delivery_id": "d", "endpoint": name, "about": "r", "content_type": "x", "body": b""}
    events: list[Event] = [ProblemOpened(**common, thread=THREAD, problem=problem)]
    if number % 10 == 0:
        events += [
            ProblemRepeated(**common, thread=THREAD, problem=problem, count=2),
            ProblemSuppressed(**common, reason=name),
            TimeoutNoticed(**told, waited=1, choice=name, connection=name),
            DeliveryRequested(**base, case="c"),
            DeliveryAttempt(**base, attempt=1 + number % 20 // 10),
        ]
    letter = DeadLetter(stage="deliver", reason=name, topic=DELIVERIES, key=name)
    return [*(Emit(PROBLEMS, "c", event) for event in events), letter]


def _most(name: str, caps: Caps) -> int:
    """How many series a metric may have: what its cap lets through, and one more for each set of closed labels."""
    closed = {"outcome": 10, "severity": 4, "dialect": 12, "try": 2, "choice": 5, "learned": 2, "stage": 4}
    return caps.metrics_series + prod(closed.get(label, 1) for label in CATALOGUE[name].labels)


def test_100_000_names_of_each_kind_leave_a_worker_below_its_caps_and_one_mebibyte() -> None:
    registry = CollectorRegistry()
    bounds = bounds_of(Settings())
    metrics = WorkerMetrics(Meters(registry, bounds))
    for start in range(0, FORGED, 1000):
        decisions = [one for number in range(start, start + 1000) for one in _forged(number)]
        metrics.written(_Rules(), 0, Folded(taken=1000, decisions=decisions, dead={_name(start): 1}))  # type: ignore[arg-type]
    shown: dict[str, set[str]] = {}
    for family in registry.collect():
        for sample in family.samples:
            for label, value in sample.labels.items():
                shown.setdefault(label, set()).add(value)
        series = Counter(sample.name for sample in family.samples)
        for name in series.keys() & CATALOGUE.keys():
            assert series[name] <= _most(name, bounds.caps), name
    for label in {"tenant", "code", "endpoint", "peer", "reason", "rule"}:
        cap = getattr(bounds.caps, LABELS[label].cap or "")
        known = SUPPRESSIONS if label == "reason" else frozenset()
        assert len(shown[label] - known - {OTHER, "none"}) <= cap
    assert registry.get_sample_value("tocsin_events_total", {"agent": "decide"}) == FORGED
    assert _sum(registry, "tocsin_tenant_problems_total") == FORGED + 3 * FORGED // 10
    assert _sum(registry, "tocsin_deliveries_dead_total") == FORGED
    assert len(generate_latest(registry)) < MIB
    assert len(exposed(registry, OPENMETRICS)[0]) < MIB


def _sum(registry: CollectorRegistry, name: str) -> float:
    return sum(one.value for family in registry.collect() for one in family.samples if one.name == name)


def test_100_000_endpoints_leave_a_dispatcher_below_its_caps_and_one_mebibyte() -> None:
    registry = CollectorRegistry()
    metrics = DispatchMetrics(Meters(registry))
    attempt, outcome = _attempt()
    for number in range(FORGED):
        name = _name(number)
        metrics.dead(name)
        metrics.outcome(
            msgspec.structs.replace(attempt, endpoint=name),
            msgspec.structs.replace(outcome, endpoint=name, reason=name),
        )
    assert _sum(registry, "tocsin_attempt_seconds_count") == FORGED
    assert len(generate_latest(registry)) < MIB
    assert len(exposed(registry, OPENMETRICS)[0]) < MIB
