"""What the rules of `decide` did, counted: escalations, suppressions, time-outs, digests.

Labels are from closed sets only."""

from __future__ import annotations

from collections.abc import Container

from prometheus_client import CollectorRegistry, Counter, Gauge

from tocsin.schemas.events import (
    CHOICES,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    Event,
    ProblemsDigested,
    ProblemSuppressed,
    TimeoutNoticed,
)
from tocsin.streams.silences.silences import Silences

OTHER = "other"

SUPPRESSIONS = frozenset(
    {
        "same_event_id", "conflict", "replayed", "hops", "thread_muted", "thread_errors",
        "connection_errors", "ping_pong", "identical", "quiet_by_default", "silenced", "inhibited", "muted", "grouped",
        "peer_not_told",
    }
)  # fmt: skip
"""Every reason why nobody is told of a problem."""

_ESCALATIONS: dict[type[object], str] = {
    EscalationRaised: "raised",
    EscalationStepped: "stepped",
    EscalationAcknowledged: "acknowledged",
    EscalationSnoozed: "snoozed",
    EscalationExhausted: "exhausted",
    EscalationCancelled: "cancelled",
}


class DecisionMetrics:
    """Counts what was written; `emitted` takes any event and ignores those that are counted elsewhere."""

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
        for name in _ESCALATIONS.values():
            self._escalations.labels(name)
        for reason in SUPPRESSIONS:
            self._suppressed.labels(reason)

    def emitted(self, event: Event) -> None:
        """Count one event."""
        match event:
            case ProblemSuppressed():
                self._suppressed.labels(_of(SUPPRESSIONS, event.reason)).inc()
            case TimeoutNoticed():
                self._timeouts.labels(_of(CHOICES, event.choice)).inc()
            case ProblemsDigested():
                why = _of(SUPPRESSIONS, event.why)
                self._digests.labels(why).inc()
                self._digested.labels(why).inc(event.count)
            case _:
                name = _ESCALATIONS.get(type(event))
                if name is not None:
                    self._escalations.labels(name).inc()


def watch_silences(registry: CollectorRegistry, silences: Silences) -> None:
    """A gauge, read at each scrape: silences that were made while running and have not been forgotten."""
    gauge = Gauge("tocsin_silences", "Silences made while running that the rules know of.", registry=registry)
    gauge.set_function(lambda: len(silences.in_force))


def _of(known: Container[str], value: str) -> str:
    return value if value in known else OTHER
