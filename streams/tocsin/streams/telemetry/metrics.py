"""What is counted: every metric with its kind, labels and meaning in one place, and bounded label values.

A label value comes from a closed set (anything else becomes `other`), or it is a name that a record carries (an
endpoint, a reason); a metric that would have more than `MAX_SERIES` sets of those counts the rest under `overflow`,
so that 100,000 random codes cannot exhaust the memory of this process and of Prometheus (docs/reliability.md#metrics).
"""

from __future__ import annotations

import re
from collections.abc import Container
from hashlib import sha256

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from tocsin.connectors.dialects import DIALECTS as READERS
from tocsin.connectors.dialects.codes import DESCRIPTORS
from tocsin.schemas.events import (
    CHOICES,
    CommandAnswered,
    CommandKind,
    DeliveryOutcome,
    EndpointCommandKind,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    Event,
    EventBase,
    ProblemOpened,
    ProblemRepeated,
    ProblemsDigested,
    ProblemSuppressed,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Source
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.rules.decision import DeadLetter, Emit
from tocsin.streams.rules.verdict import Reason

MAX_SERIES = 1000
MAX_HISTOGRAMS = 100
"""So many, where each label set is a histogram: seventeen lines. With these a scrape is below 1 MiB, whatever records
carry."""
MAX_LABEL = 64
"""Characters of a label value. A longer one is cut, and ends in a digest of the whole: different names stay apart."""
OTHER = "other"
OVERFLOW = "overflow"

CATEGORIES = frozenset(DESCRIPTORS)
"""The descriptors of DIDComm v2: the only values of the label `category`."""

DIALECTS = frozenset(READERS)

_RULE = re.compile(r"[a-z0-9-]{1,64}")

OUTCOME_OF = {
    "ProblemOpened": "opened",
    "ProblemRepeated": "repeated",
    "ProblemSuppressed": "suppressed",
    "ProblemUnrouted": "unrouted",
    "ProblemPromoted": "promoted",
    "ProblemResolved": "resolved",
    "TimeoutNoticed": "timeout",
    "ConflictNoticed": "conflict",
    "ProblemsDigested": "digested",
    "ProblemExplained": "explained",
}


SUPPRESSIONS = frozenset(Reason)
"""Every reason of a suppressed problem, and of a digest."""

COMMANDS = frozenset((*CommandKind, *EndpointCommandKind))
"""Every kind of command."""

_ESCALATIONS: dict[type[object], str] = {
    EscalationRaised: "raised",
    EscalationStepped: "stepped",
    EscalationAcknowledged: "acknowledged",
    EscalationSnoozed: "snoozed",
    EscalationExhausted: "exhausted",
    EscalationCancelled: "cancelled",
}


disable_created_metrics()  # type: ignore[no-untyped-call]
"""The time at which a series was made is a second line for each one, and nobody asks for it."""


class BoundedLabels:
    """Lets at most `most` label sets through (MAX_SERIES) and turns every later new one into `overflow`."""

    def __init__(self, most: int | None = None) -> None:
        self._most = MAX_SERIES if most is None else most
        self._seen: set[tuple[str, ...]] = set()

    def __call__(self, *values: str) -> tuple[str, ...]:
        if values in self._seen:
            return values
        if any(len(value) > MAX_LABEL for value in values):
            return self(*[value if len(value) <= MAX_LABEL else _cut(value) for value in values])
        if len(self._seen) >= self._most:
            return (OVERFLOW,) * len(values)
        self._seen.add(values)
        return values


def _cut(value: str) -> str:
    return f"{value[: MAX_LABEL - 13]}~{sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def one_of(known: Container[str], value: str | None) -> str:
    """The value when it is known, `none` when there is none, else `other`."""
    if value is None:
        return "none"
    return value if value in known else OTHER


class WorkerMetrics:
    """The metrics of a worker; give `written` to the engine. A batch is counted once its outputs are acknowledged."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter("tocsin_events_total", "Input records folded, by agent.", ["agent"], registry=registry)
        self._batch = Histogram(
            "tocsin_batch_records", "Records in one batch.", ["agent"], registry=registry,
            buckets=(1, 3, 10, 30, 100, 300, 1000),
        )  # fmt: skip
        self._problems = Counter(
            "tocsin_problems_total",
            "What became of problems.",
            ["outcome", "severity", "category", "dialect"],
            registry=registry,
        )
        self._requested = Counter(
            "tocsin_deliveries_requested_total", "Deliveries asked for.", ["endpoint"], registry=registry
        )
        self._attempts = Counter(
            "tocsin_attempts_requested_total", "Attempts asked for.", ["endpoint"], registry=registry
        )
        self._dead = Counter("tocsin_dead_total", "Dead letters.", ["stage", "reason"], registry=registry)
        self._forwarded = Counter(
            "tocsin_forwarded_total", "Records that a foreign client put into the wrong partition.", ["agent"],
            registry=registry,
        )  # fmt: skip
        self._violations = Counter(
            "tocsin_violations_total",
            "Rules of its dialect that a report broke, by who sent it (a digest, never the DID).",
            ["tenant", "peer", "dialect", "rule"],
            registry=registry,
        )
        self._decisions = DecisionMetrics(registry)
        self._problem_labels = BoundedLabels()
        self._violation_labels = BoundedLabels()
        self._endpoint_labels = BoundedLabels()
        self._dead_labels = BoundedLabels()

    def written(self, rules: RuleSet, partition: int, folded: Folded) -> None:
        """Count one batch."""
        if folded.taken:
            self._events.labels(rules.name).inc(folded.taken)
            self._batch.labels(rules.name).observe(folded.taken)
        if folded.forwarded:
            self._forwarded.labels(rules.name).inc(folded.forwarded)
        for reason, count in folded.dead.items():
            self._dead.labels(*self._dead_labels(rules.name, reason)).inc(count)
        for decision in folded.decisions:
            if isinstance(decision, DeadLetter):
                self._dead.labels(*self._dead_labels(decision.stage, decision.reason)).inc()
            elif isinstance(decision, Emit):
                self._emitted(decision.event)

    def _emitted(self, event: Event) -> None:
        self._decisions.emitted(event)
        name = type(event).__name__
        if name == "DeliveryRequested":
            self._requested.labels(*self._endpoint_labels(event.endpoint)).inc()  # type: ignore[union-attr]
        elif name == "DeliveryAttempt":
            self._attempts.labels(*self._endpoint_labels(event.endpoint)).inc()  # type: ignore[union-attr]
        elif name in OUTCOME_OF:
            self._problems.labels(*self._problem_labels(OUTCOME_OF[name], *_problem_labels(event))).inc()
            if isinstance(event, ProblemOpened | ProblemRepeated):
                self._violated(event)

    def _violated(self, event: ProblemOpened | ProblemRepeated) -> None:
        problem = event.problem
        for violation in problem.violations:
            rule = violation.rule if _RULE.fullmatch(violation.rule) else OTHER
            labels = event.tenant, peer_of(problem.source), one_of(DIALECTS, problem.dialect), rule
            self._violations.labels(*self._violation_labels(*labels)).inc()


def _problem_labels(event: EventBase) -> tuple[str, str, str]:
    problem = getattr(event, "problem", None)
    if problem is None:
        return "none", "none", "none"
    return problem.severity.value, one_of(CATEGORIES, problem.category), one_of(DIALECTS, problem.dialect)


def peer_of(source: Source) -> str:
    """Who sent a report, as a label: the beginning of the SHA-256 of its DID or connection; `none` without either."""
    peer = source.sender or source.connection
    return sha256(peer.encode("utf-8", "surrogatepass")).hexdigest()[:12] if peer else "none"


class DecisionMetrics:
    """What the rules of `decide` did: escalations, suppressions, time-outs, digests. Labels are closed sets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._escalations = Counter(
            "tocsin_escalations_total", "What became of escalations.", ["event"], registry=registry
        )
        self._suppressed = Counter(
            "tocsin_suppressed_total", "Problems that nobody was told of, by why.", ["reason"], registry=registry
        )
        self._timeouts = Counter(
            "tocsin_timeouts_total", "Replies that did not come, by what was chosen.", ["choice"], registry=registry
        )
        self._digests = Counter(
            "tocsin_digests_total", "Digests of what was held back, by why.", ["why"], registry=registry
        )
        self._digested = Counter(
            "tocsin_digested_problems_total", "Problems told of in digests, by why.", ["why"], registry=registry
        )
        self._commands = Counter(
            "tocsin_commands_total", "Commands answered, by kind and outcome.", ["kind", "outcome"], registry=registry
        )
        for name in _ESCALATIONS.values():
            self._escalations.labels(name)
        for reason in SUPPRESSIONS:
            self._suppressed.labels(reason)

    def emitted(self, event: Event) -> None:
        """Count one event; those that are counted elsewhere are ignored."""
        match event:
            case ProblemSuppressed():
                self._suppressed.labels(one_of(SUPPRESSIONS, event.reason)).inc()
            case TimeoutNoticed():
                self._timeouts.labels(one_of(CHOICES, event.choice)).inc()
            case ProblemsDigested():
                why = one_of(SUPPRESSIONS, event.why)
                self._digests.labels(why).inc()
                self._digested.labels(why).inc(event.count)
            case CommandAnswered():
                self._commands.labels(one_of(COMMANDS, event.kind), event.outcome.value).inc()
            case _:
                name = _ESCALATIONS.get(type(event))
                if name is not None:
                    self._escalations.labels(name).inc()


class DispatchMetrics:
    """The metrics of a dispatcher. Endpoints are what records of `attempts` name, so their number is bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "tocsin_attempts_total", "Attempts made.", ["endpoint", "outcome", "reason"], registry=registry
        )
        self._seconds = Histogram("tocsin_attempt_seconds", "How long attempts took.", ["endpoint"], registry=registry)
        self._dead = Counter("tocsin_dead_total", "Dead letters.", ["stage", "reason"], registry=registry)
        self._labels = BoundedLabels()
        self._endpoint_labels = BoundedLabels(MAX_HISTOGRAMS)
        self._dead_labels = BoundedLabels()

    def outcome(self, outcome: DeliveryOutcome) -> None:
        """Count one attempt."""
        self._attempts.labels(*self._labels(outcome.endpoint, outcome.outcome.value, outcome.reason)).inc()
        self._seconds.labels(*self._endpoint_labels(outcome.endpoint)).observe(outcome.duration / 1e6)

    def dead(self, reason: str) -> None:
        """Count one dead letter."""
        self._dead.labels(*self._dead_labels("dispatch", reason)).inc()
