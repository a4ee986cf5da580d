"""What is counted stays bounded, whatever the records carry; broken rules by tenant, peer, dialect and rule."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

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
)
from tocsin.schemas.problem import Problem, Source, Violation
from tocsin.streams.engine.fold import Folded
from tocsin.streams.rules.decision import PROBLEMS, Emit
from tocsin.streams.telemetry import metrics as observe
from tocsin.streams.telemetry.metrics import (
    MAX_HISTOGRAMS,
    MAX_LABEL,
    MAX_SERIES,
    BoundedLabels,
    DispatchMetrics,
    WorkerMetrics,
)


def test_ten_thousand_endpoints_make_no_more_series_than_allowed() -> None:
    registry = CollectorRegistry()
    metrics = DispatchMetrics(registry)
    for number in range(MAX_SERIES * 2):
        metrics.dead(f"reason{number}")
        outcome = DeliveryOutcome(
            event_id="e",
            tenant="t",
            occurred_at=0,
            recorded_at=0,
            delivery_id="d",
            endpoint=f"endpoint{number}",
            attempt=1,
            outcome=Outcome.DELIVERED,
            reason="ok",
            duration=1_000,
        )
        metrics.outcome(outcome)
    for metric in registry.collect():
        counted = [one for one in metric.samples if one.name.endswith(("_total", "_count"))]
        assert len(counted) == (MAX_HISTOGRAMS if metric.type == "histogram" else MAX_SERIES) + 1, metric.name
        assert sum(one.value for one in counted) == MAX_SERIES * 2


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


def _counted(*events: Event) -> dict[tuple[str, str, str, str], float]:
    registry = CollectorRegistry()
    decisions: list[object] = [Emit(PROBLEMS, "c", event) for event in events]
    WorkerMetrics(registry).written(_Rules(), 0, Folded(taken=1, decisions=decisions))  # type: ignore[arg-type]
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


def test_more_peers_than_series_are_counted_under_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "MAX_SERIES", 3)
    counted = _counted(*(_opened("a", source=Source(sender=f"did:x:{number}")) for number in range(10)))
    assert len(counted) == 4
    assert counted[("overflow",) * 4] == 7


def test_the_did_itself_is_nowhere() -> None:
    assert DID not in str(_counted(_opened("a", source=Source(sender=DID))))


def test_a_long_name_is_cut_as_a_label_and_stays_apart_from_others() -> None:
    bounded = BoundedLabels()
    one, other = bounded("x" * 100_000, "ok"), bounded("x" * 99_999, "ok")
    assert {len(one[0]), len(other[0])} == {MAX_LABEL}
    assert one != other
    assert bounded("x" * 100_000, "ok") == one
    assert bounded("x" * MAX_LABEL) == ("x" * MAX_LABEL,)


TENANTS, FORGED = 1_500, 100_000
MIB = 1024 * 1024


def _name(number: int) -> str:
    """A name as long as a label may be, and different from all others."""
    return f"{number:06d}".ljust(MAX_LABEL, "x")


def test_a_scrape_of_a_worker_stays_below_one_mebibyte() -> None:
    """1,500 tenants, and 100,000 names of each kind that a record can carry."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    for number in range(FORGED):
        name, tenant = _name(number), _name(number % TENANTS)
        common = COMMON | {"tenant": tenant}
        opened = ProblemOpened(
            **common, thread=THREAD, problem=_problem(name, dialect="didcomm2", source=Source(sender=name))
        )
        base: dict[str, Any] = {
            "event_id": "e", "tenant": tenant, "occurred_at": 1, "recorded_at": 1, "delivery_id": "d",
            "endpoint": name, "about": "r", "content_type": "x", "body": b"",
        }  # fmt: skip
        decisions = [Emit(PROBLEMS, "c", event) for event in (
            opened, DeliveryRequested(**base, case="c"), DeliveryAttempt(**base, attempt=1)
        )]  # fmt: skip
        folded = Folded(taken=1, decisions=[*decisions], dead={name: 1})
        metrics.written(_Rules(), 0, folded)  # type: ignore[arg-type]
    assert len(generate_latest(registry)) < MIB


def test_a_scrape_of_a_dispatcher_stays_below_one_mebibyte() -> None:
    registry = CollectorRegistry()
    metrics = DispatchMetrics(registry)
    for number in range(FORGED):
        name = _name(number)
        metrics.dead(name)
        metrics.outcome(
            DeliveryOutcome(
                event_id="e", tenant=_name(number % TENANTS), occurred_at=0, recorded_at=0, delivery_id="d",
                endpoint=name, attempt=1, outcome=Outcome.RETRY_LATER, reason=name, duration=1_000,
            )
        )  # fmt: skip
    assert len(generate_latest(registry)) < MIB
