"""The metrics of a worker and of a dispatcher, counted as their events are written."""

from __future__ import annotations

from tocsin.connectors.metrics.making import Meters, exemplar
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, Outcome
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.engine.setbacks import Watched
from tocsin.streams.telemetry.counting import ESCALATIONS, LIMITS, SUPPRESSIONS, counts_of

COUNTED = (
    "tocsin_problems_total",
    "tocsin_tenant_problems_total",
    "tocsin_problem_codes_total",
    "tocsin_peer_problems_total",
    "tocsin_violations_total",
    "tocsin_suppressed_total",
    "tocsin_loops_stopped_total",
    "tocsin_digests_total",
    "tocsin_digested_problems_total",
    "tocsin_timeouts_total",
    "tocsin_peer_timeouts_total",
    "tocsin_escalations_total",
    "tocsin_commands_total",
    "tocsin_deliveries_requested_total",
    "tocsin_attempts_requested_total",
    "tocsin_deliveries_dead_total",
    "tocsin_dead_total",
)
"""What is counted of decisions."""


class WorkerMetrics:
    """The metrics of a worker; give `written` and `watched` to the engine. A batch is counted once its outputs are
    acknowledged."""

    def __init__(self, meters: Meters) -> None:
        self._events = meters.counter("tocsin_events_total")
        self._batch = meters.histogram("tocsin_batch_records")
        self._forwarded = meters.counter("tocsin_forwarded_total")
        self._setbacks = meters.counter("tocsin_partition_setbacks_total")
        self._recovery = meters.histogram("tocsin_recovery_seconds")
        self._counted = {name: meters.counter(name) for name in COUNTED}
        for name, values in (
            ("tocsin_escalations_total", ESCALATIONS.values()),
            ("tocsin_suppressed_total", SUPPRESSIONS),
            ("tocsin_loops_stopped_total", LIMITS),
        ):
            for value in values:
                self._counted[name](value)

    def written(self, rules: RuleSet, partition: int, folded: Folded) -> None:
        """Count one batch."""
        if folded.taken:
            self._events(rules.name).inc(folded.taken)
            self._batch(rules.name).observe(folded.taken)
        if folded.forwarded:
            self._forwarded(rules.name).inc(folded.forwarded)
        for reason, count in folded.dead.items():
            self._counted["tocsin_dead_total"](rules.name, reason).inc(count)
        for (name, *labels), count in counts_of(folded.decisions).items():
            self._counted[name](*labels).inc(count)

    def watched(self) -> Watched:
        """What counts recoveries and set-backs."""
        return Watched(
            lambda agent, seconds: self._recovery(agent).observe(seconds), lambda agent: self._setbacks(agent).inc()
        )


class DispatchMetrics:
    """The metrics of a dispatcher."""

    def __init__(self, meters: Meters) -> None:
        self._attempts = meters.counter("tocsin_attempts_total")
        self._seconds = meters.histogram("tocsin_attempt_seconds")
        self._delivered = meters.histogram("tocsin_publish_to_delivered_seconds")
        self._dead = meters.counter("tocsin_dead_total")

    def outcome(self, attempt: DeliveryAttempt, outcome: DeliveryOutcome) -> None:
        """Count one attempt that was made."""
        trace = exemplar(outcome.traceparent)
        self._attempts(outcome.endpoint, outcome.outcome.value, outcome.reason).inc()
        self._seconds(outcome.endpoint).observe(outcome.duration / 1e6, trace)
        if outcome.outcome is Outcome.DELIVERED and attempt.published_at and not attempt.replay:
            seconds = max(0, outcome.recorded_at - attempt.published_at) / 1e6
            self._delivered(outcome.endpoint).observe(seconds, trace)

    def dead(self, reason: str) -> None:
        """Count one dead letter."""
        self._dead("dispatch", reason).inc()
