"""What two looks at metrics say of a bus."""

from __future__ import annotations

import math

import pytest

from tocsin.streams.cli.top.looking import Look, Process
from tocsin.streams.cli.top.picture import NAMES, Picture, picture, quantile
from tocsin.streams.telemetry.probes import Sample


def sample(name: str, value: float, **labels: str) -> Sample:
    return name, labels, value


def seen(before: list[Sample], now: list[Sample], *, away: str | None = None) -> Picture:
    """Of one worker, looked at twice, half a minute apart."""
    earlier = Process("u", tuple(before), away)
    return picture(Look(100.0, {"worker": earlier}), Look(130.0, {"worker": Process("u", tuple(now))}))


DEAD = {"stage": "decide", "reason": "not_framed"}
COUNTERS: dict[str, tuple[list[Sample], list[Sample], str | None, float, int]] = {
    "it grew": ([sample("tocsin_dead_total", 4, **DEAD)], [sample("tocsin_dead_total", 10, **DEAD)], None, 12.0, 10),
    "it stayed": ([sample("tocsin_dead_total", 4, **DEAD)], [sample("tocsin_dead_total", 4, **DEAD)], None, 0.0, 4),
    "it is new": ([], [sample("tocsin_dead_total", 3, **DEAD)], None, 6.0, 3),
    "its process is new": (
        [sample("tocsin_dead_total", 9, **DEAD)], [sample("tocsin_dead_total", 2, **DEAD)], None, 4.0, 2,
    ),
    "its process was away": ([], [sample("tocsin_dead_total", 900, **DEAD)], "away", 0.0, 900),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "away", "a_minute", "total"), COUNTERS.values(), ids=COUNTERS)
def test_a_counter(before: list[Sample], now: list[Sample], away: str | None, a_minute: float, total: int) -> None:
    found = seen(before, now, away=away)
    assert (found.dead_a_minute, found.dead) == (a_minute, total)


def test_reports_are_counted_once_whatever_became_of_them() -> None:
    now = [
        sample("tocsin_tenant_problems_total", 5, tenant="a", outcome="opened", severity="error"),
        sample("tocsin_tenant_problems_total", 2, tenant="b", outcome="repeated", severity="error"),
        sample("tocsin_tenant_problems_total", 3, tenant="b", outcome="suppressed", severity="none"),
        sample("tocsin_tenant_problems_total", 5, tenant="a", outcome="unrouted", severity="error"),
    ]
    assert seen([], now).reported_a_minute == {"error": 14.0, "suppressed": 6.0}


def test_codes_that_come_now_stand_first() -> None:
    name = "tocsin_problem_codes_total"
    before = [sample(name, 50, code="old", severity="error"), sample(name, 1, code="new", severity="error")]
    now = [sample(name, 50, code="old", severity="error"), sample(name, 3, code="new", severity="error")]
    assert [(one.code, one.a_minute, one.total) for one in seen(before, now).codes] == [
        ("new", 4.0, 3),
        ("old", 0.0, 50),
    ]


def test_endpoints_in_trouble_stand_first() -> None:
    now = [
        sample("tocsin_deliveries_requested_total", 9, endpoint="idle"),
        sample("tocsin_attempts_total", 9, endpoint="busy", outcome="delivered", reason="ok"),
        sample("tocsin_attempts_total", 2, endpoint="bad", outcome="retry_later", reason="http_500"),
        sample("tocsin_endpoint_held_back", 1, endpoint="bad", by="breaker"),
        sample("tocsin_endpoint_held_back", 0, endpoint="busy", by="rate"),
        sample("tocsin_endpoint_state", 1, endpoint="off", state="disabled"),
        sample("tocsin_deliveries_parked", 4, endpoint="off"),
    ]
    found = seen([], now).endpoints
    assert [(one.endpoint, one.state, one.taken_a_minute, one.failed_a_minute, one.waiting) for one in found] == [
        ("bad", "breaker", 0.0, 4.0, 0), ("off", "disabled", 0.0, 0.0, 4), ("busy", "well", 18.0, 0.0, 0),
        ("idle", "well", 0.0, 0.0, 0),
    ]  # fmt: skip


def test_what_nobody_can_say_is_not_said() -> None:
    looked = Look(1.0, {"worker": Process("u", away="nothing listens there")})
    found = picture(looked, looked)
    assert not found.complete
    assert (found.cases, found.pending, found.halted, found.stalled, found.dead, found.store) == (None,) * 6


def test_a_worker_without_trouble_has_none() -> None:
    found = seen([], [sample("tocsin_partitions_stalled", 0), sample("tocsin_cases_open", 0, age="5m")])
    assert (found.halted, found.stalled, found.dead, found.cases) == (0, 0, 0, 0)


QUANTILES: dict[str, tuple[dict[float, float], float | None]] = {
    "nothing": ({}, None),
    "no attempt": ({1.0: 0, math.inf: 0}, None),
    "in one bucket": ({1.0: 0, 2.0: 100, math.inf: 100}, 1.95),
    "beyond the last bound": ({1.0: 10, math.inf: 100}, 1.0),
}


@pytest.mark.parametrize(("buckets", "value"), QUANTILES.values(), ids=QUANTILES)
def test_a_quantile(buckets: dict[float, float], value: float | None) -> None:
    assert quantile(0.95, buckets) == (None if value is None else pytest.approx(value))


def test_what_is_looked_at_is_in_the_catalogue() -> None:
    from tests.deploy.asked import labels_of

    assert [name for name in NAMES if labels_of(name) is None] == []
