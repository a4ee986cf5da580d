"""What two looks say of a bus: figures of now, and rates of the time between. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tocsin.streams.cli.top.looking import Look

PROBLEMS, CODES = "tocsin_tenant_problems_total", "tocsin_problem_codes_total"
CASES, OLDEST_CASE = "tocsin_cases_open", "tocsin_case_oldest_open_seconds"
ESCALATIONS, ACTIVE = "tocsin_escalations_total", "tocsin_escalations_active"
LAG, LAG_SECONDS = "tocsin_consumer_lag_records", "tocsin_consumer_lag_seconds"
HALTED, STALLED = "tocsin_partition_halted", "tocsin_partitions_stalled"
PENDING, OLDEST = "tocsin_deliveries_pending", "tocsin_delivery_oldest_pending_seconds"
REQUESTED, ATTEMPTS, SECONDS = "tocsin_deliveries_requested_total", "tocsin_attempts_total", "tocsin_attempt_seconds"
BUCKETS = f"{SECONDS}_bucket"
STATE, HELD, PARKED = "tocsin_endpoint_state", "tocsin_endpoint_held_back", "tocsin_deliveries_parked"
DEAD = "tocsin_dead_total"
STORE, STORE_SECONDS = "tocsin_projector_lag_records", "tocsin_projector_lag_seconds"
NAMES = frozenset(
    (
        PROBLEMS, CODES, CASES, OLDEST_CASE, ESCALATIONS, ACTIVE, LAG, LAG_SECONDS, HALTED, STALLED, PENDING, OLDEST,
        REQUESTED, ATTEMPTS, BUCKETS, STATE, HELD, PARKED, DEAD, STORE, STORE_SECONDS,
    )
)  # fmt: skip
"""The series that are looked at."""
REPORTED = frozenset(("opened", "repeated", "suppressed"))
"""Each report becomes exactly one of these; of a suppressed one the severity is not known."""


@dataclass(frozen=True, slots=True)
class Code:
    """How often a code comes."""

    code: str
    severity: str
    a_minute: float
    total: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint gets; `slow` is what 95 of 100 attempts took at most, in seconds."""

    endpoint: str
    state: str
    taken_a_minute: float
    failed_a_minute: float
    slow: float | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown; a figure is None while the process that knows it is away. Ages and lags in seconds."""

    seconds: float
    away: Mapping[str, str]
    up: tuple[str, ...]
    buses: tuple[str, ...] = ()
    reported_a_minute: Mapping[str, float] = field(default_factory=dict)
    codes: tuple[Code, ...] = ()
    cases: int | None = None
    oldest_case: float | None = None
    escalations: int | None = None
    unanswered: int | None = None
    lag: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    halted: int | None = None
    stalled: int | None = None
    pending: int | None = None
    oldest: float | None = None
    endpoints: tuple[Endpoint, ...] = ()
    dead: int | None = None
    dead_a_minute: float = 0.0
    store: int | None = None
    store_behind: float | None = None

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @property
    def complete(self) -> bool:
        """Whether every process answered."""
        return not self.away


class _Between:
    """The series of two looks, of all processes together."""

    def __init__(self, before: Look, now: Look) -> None:
        self._now = now
        self._seconds = max(now.at - before.at, 1e-9)
        self._earlier = {
            (name, one[0], _key(one[1])): one[2]
            for name, process in before.processes.items()
            for one in process.samples
        }
        self._known = {name for name, process in before.processes.items() if process.away is None}

    def series(self, metric: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
        """(process, labels, value) of each."""
        for name, process in self._now.processes.items():
            for found, labels, value in process.samples:
                if found == metric and math.isfinite(value):
                    yield name, labels, value

    def total(self, metric: str, **labels: str) -> float | None:
        """The sum of those with these labels; None when there is no such series at all."""
        found = [value for _, has, value in self.series(metric) if _fits(has, labels)]
        return sum(found) if found else None

    def most(self, metric: str) -> float | None:
        """The highest; None when there is none."""
        return max((value for _, _, value in self.series(metric)), default=None)

    def grown(self, metric: str) -> Iterator[tuple[Mapping[str, str], float, float]]:
        """(labels, by how much in a minute, value) of counters. One that went back belongs to a new process; one that
        was not there before began at 0, if its process was there."""
        for name, labels, value in self.series(metric):
            earlier = self._earlier.get((name, metric, _key(labels)), 0.0 if name in self._known else value)
            gained = value - earlier if value >= earlier else value
            yield labels, 60 * gained / self._seconds, value


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _fits(has: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(has.get(label) == value for label, value in wanted.items())


def picture(before: Look, now: Look) -> Picture:
    """What is shown at `now`; rates are over the time since `before`."""
    between = _Between(before, now)
    reported: dict[str, float] = defaultdict(float)
    for labels, gained, _ in between.grown(PROBLEMS):
        outcome, severity = labels.get("outcome", ""), labels.get("severity", "none")
        if outcome in REPORTED:
            reported[outcome if severity == "none" else severity] += gained
    dead = list(between.grown(DEAD))
    return Picture(
        seconds=now.at - before.at,
        away={name: process.away for name, process in now.processes.items() if process.away is not None},
        up=tuple(name for name, process in now.processes.items() if process.away is None),
        buses=tuple(_distinct(one.bus for one in now.processes.values() if one.bus and not one.foreign)),
        reported_a_minute=dict(reported),
        codes=tuple(_codes(between)),
        cases=_whole(between.total(CASES)),
        oldest_case=between.most(OLDEST_CASE),
        escalations=_whole(between.total(ACTIVE)),
        unanswered=_whole(between.total(ESCALATIONS, event="exhausted")),
        lag=_lag(between),
        halted=_whole(between.total(HALTED)) or (None if between.total(STALLED) is None else 0),
        stalled=_whole(between.total(STALLED)),
        pending=_whole(between.total(PENDING)),
        oldest=between.most(OLDEST),
        endpoints=tuple(_endpoints(between)),
        dead=int(sum(value for _, _, value in dead)) if dead or between.total(STALLED) is not None else None,
        dead_a_minute=sum(gained for _, gained, _ in dead),
        store=_whole(between.total(STORE)),
        store_behind=between.most(STORE_SECONDS),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _codes(between: _Between) -> list[Code]:
    """The most frequent now first, then those of which there were most."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for labels, gained, value in between.grown(CODES):
        one = sums[labels.get("code", ""), labels.get("severity", "")]
        one[0] += gained
        one[1] += value
    codes = [Code(code, severity, gained, int(value)) for (code, severity), (gained, value) in sums.items()]
    return sorted(codes, key=lambda one: (-one.a_minute, -one.total, one.code))


def _lag(between: _Between) -> dict[str, dict[str, float]]:
    """Agent -> its records that wait, and the age of the oldest."""
    found: dict[str, dict[str, float]] = {}
    for _, labels, value in between.series(LAG):
        one = found.setdefault(labels.get("agent", ""), {"records": 0.0})
        one["records"] += value
    for _, labels, value in between.series(LAG_SECONDS):
        one = found.setdefault(labels.get("agent", ""), {"records": 0.0})
        one["seconds"] = max(value, one.get("seconds", 0.0))
    return found


def _endpoints(between: _Between) -> list[Endpoint]:
    """Those in trouble first, then the busiest."""
    taken: dict[str, float] = defaultdict(float)
    failed: dict[str, float] = defaultdict(float)
    for labels, gained, _ in between.grown(ATTEMPTS):
        (taken if labels.get("outcome") == "delivered" else failed)[labels.get("endpoint", "")] += gained
    buckets: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for labels, gained, _ in between.grown(BUCKETS):
        buckets[labels.get("endpoint", "")][float(labels.get("le", "inf"))] += gained
    states = {labels["endpoint"]: labels["by"] for _, labels, value in between.series(HELD) if value}
    states |= {labels["endpoint"]: labels["state"] for _, labels, value in between.series(STATE) if value}
    waiting = {labels["endpoint"]: int(value) for _, labels, value in between.series(PARKED)}
    asked = (labels.get("endpoint", "") for _, labels, _ in between.series(REQUESTED))
    names = _distinct(asked, taken, failed, states, waiting)
    found = [
        Endpoint(name, states.get(name, "well"), taken[name], failed[name], quantile(0.95, buckets.get(name, {})),
                 waiting.get(name, 0))
        for name in names
    ]  # fmt: skip
    return sorted(found, key=lambda one: (
        one.state == "well", -one.failed_a_minute, -one.waiting, -one.taken_a_minute, one.endpoint
    ))  # fmt: skip


def _distinct(*names: Iterable[str]) -> list[str]:
    return sorted({name for some in names for name in some})


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """As Prometheus' `histogram_quantile`: upper bound -> how many were not above it. None when there were none."""
    bounds = sorted(buckets.items())
    if not bounds or bounds[-1][1] <= 0:
        return None
    rank, below, lower = q * bounds[-1][1], 0.0, 0.0
    for upper, count in bounds:
        if count >= rank:
            if math.isinf(upper):
                return lower
            return lower + (upper - lower) * (rank - below) / max(count - below, 1e-12)
        below, lower = count, upper
    return lower
