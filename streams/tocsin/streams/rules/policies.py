"""Policies of the rules file: thresholds of the loop rules, how long a reply may take, steps of an escalation, how an
endpoint is delivered to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from tocsin.connectors.sections import NOT_IN_FILE, Listed, Section, unfit
from tocsin.streams.rules.values import (
    DAY,
    HOUR,
    IMPACT,
    MINUTE,
    SECOND,
    Count,
    Delays,
    Duration,
    Identical,
    Impacts,
    Name,
    Names,
    Rate,
    Span,
    Texts,
    Uris,
)

_NEVER_ZERO = ("identical", "connection_window", "ping_pong_window", "claimed_window", "tenant_window")
"""What only says how another threshold counts."""


class LoopLimits(Section, frozen=True, kw_only=True):
    """Thresholds of the loop rules; 0 switches a rule off."""

    repeat_window: Annotated[
        Duration, "Identical problems within it are told once, the rest in a digest when it is over."
    ] = 60 * SECOND
    identical: Annotated[
        tuple[Identical, ...], Listed(min_length=1), "What has to be equal for problems to be identical."
    ] = (
        "code", "scope", "thread", "connection", "peer", "protocol", "source", "record", "job", "instance", "text",
    )  # fmt: skip
    replay_window: Annotated[Duration, "The same ciphertext with the same code within it is a replay."] = DAY
    thread_errors: Annotated[Count, "Problems of one thread, then one limit notice and no more; never reset."] = 50
    connection_errors: Annotated[
        Count, "Problems of one connection and code without any other message between them."
    ] = 20
    connection_window: Annotated[Span, "... and without a pause longer than this."] = HOUR
    ping_pong: Annotated[Count, "Problems of one category to and fro between the same two."] = 6
    ping_pong_window: Annotated[Span, "... within this time, and muted until there is such a pause."] = 10 * MINUTE
    exchange: Annotated[
        Count, "Reports of whatever code and thread with which the same two answer each other, without such a pause."
    ] = 50
    peer_thread: Annotated[Count, "What a peer is told of one thread, at most."] = 10
    peer_hour: Annotated[Count, "What a peer is told in an hour, at most."] = 60
    hops: Annotated[Count, "How many buses a problem may have passed."] = 8
    claimed: Annotated[Count, "Reports that nothing proves, over one connection or of none that is known."] = 10
    claimed_window: Annotated[Span, "... within this time, then one limit notice and silence until it is over."] = HOUR
    tenant_cases: Annotated[Count, "Open cases of a tenant, then one limit notice and no new case."] = 100_000
    tenant_window: Annotated[Span, "... and another limit notice after this time."] = HOUR
    tenant_rows: Annotated[
        Count, "Rows of a tenant; then nothing new is remembered of threads, messages and connections."
    ] = 1_000_000

    @classmethod
    def off(cls, **limits: Any) -> LoopLimits:
        """These limits, and no others: every threshold that is not given is 0."""
        return cls(**{name: 0 for name in cls.__struct_fields__ if name not in _NEVER_ZERO} | limits)


class TimeoutPolicy(Section, frozen=True, kw_only=True):
    """How long a reply may take, and what then. The first policy whose `messages` fit is used."""

    messages: Annotated[Texts, "Message types or protocols, whole or by leading path segments; without them, all."] = ()
    floor: Annotated[Duration, "Never sooner, whatever was learned: days where a person answers."] = 30 * SECOND
    ceiling: Annotated[Span, "Never later."] = 7 * DAY
    unlearned: Annotated[Span | None, "While too few replies were seen; without it, no time-out."] = None
    quantile: Annotated[float, Meta(gt=0, lt=1), "Of the replies seen."] = 0.99
    factor: Annotated[float, Meta(ge=1, le=1000), "Times the quantile."] = 2.0
    samples: Annotated[int, Meta(ge=1, le=10_000), "Replies to have seen before anything is learned."] = 20
    waits: Annotated[int, Meta(ge=0, le=100), "Waits longer so often, before retries."] = 1
    retries: Annotated[int, Meta(ge=0, le=100), "Advises so many retries before giving up."] = 3
    backoff: Annotated[Span, "Before the first retry; doubled for each further one, with jitter."] = 30 * SECOND
    max_backoff: Annotated[Span, "... up to this."] = HOUR
    enabled: Annotated[bool, "false: no time-outs for these messages."] = True

    def checked(self) -> TimeoutPolicy:
        """Itself; raises for bounds that are upside down."""
        if self.ceiling < self.floor:
            raise unfit("the ceiling is below the floor", remedy="raise the ceiling (7d if not given)")
        if self.max_backoff < self.backoff:
            raise unfit("max_backoff is below backoff", remedy="raise max_backoff (1h if not given)")
        return self


class Repeat(Section, frozen=True, kw_only=True):
    """Tell a step's endpoints again."""

    every: Span
    times: Annotated[int, Meta(ge=1, le=1000)]


class Step(Section, frozen=True, kw_only=True):
    """One step of an escalation: after `wait` (from the step before), tell `endpoints`."""

    wait: Duration
    endpoints: Names
    repeat: Annotated[Repeat | None, "And then again."] = None

    @property
    def times(self) -> int:
        """How often they are told again."""
        return self.repeat.times if self.repeat else 0

    @property
    def every(self) -> int:
        """After how long they are told again."""
        return self.repeat.every if self.repeat else 0


class EscalationPolicy(Section, frozen=True, kw_only=True):
    """Steps until somebody takes the case."""

    name: Annotated[str, NOT_IN_FILE] = ""
    steps: Annotated[tuple[Step, ...], Listed(min_length=1, max_length=50), "Step by step."]
    cycles: Annotated[int, Meta(ge=1, le=100), "Times through all steps before the escalation is exhausted."] = 1
    while_they_retry: Annotated[
        Duration, "No step sooner while the other side tries again (who_retries), unless at_once."
    ] = 15 * MINUTE
    impact: Annotated[Impacts, "By impact or scope: none, normal, or at_once (connection, unless said otherwise)."] = (
        field(default_factory=lambda: dict(IMPACT))
    )
    uris: Annotated[Uris, "escalation_uri values that may be used: whole, or ending in *."] = ()
    uri_endpoint: Annotated[Name | None, "Told besides each step's when the escalation_uri is allowed."] = None
    snooze_limit: Annotated[Span, "The longest snooze."] = 7 * DAY

    def checked(self) -> EscalationPolicy:
        """Itself; raises ValueError when addresses are allowed and nobody is told of them."""
        if bool(self.uris) != (self.uri_endpoint is not None):
            raise ValueError("uris and uri_endpoint need each other")
        return self


RETRY_SCHEDULE: tuple[int, ...] = (
    0,
    5 * SECOND,
    30 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Delay in microseconds before attempt 1, 2, ...: Standard Webhooks' example and one step of 30 s."""

HOLD_COUNT = 1000


class DeliveryPolicy(Section, frozen=True, kw_only=True):
    """How an endpoint is delivered to."""

    schedule: Annotated[Delays, "Delay before each attempt, the first of which is 0; up to 10 % are added."] = (
        RETRY_SCHEDULE
    )
    exhausted_after: Annotated[
        Span | None, "A delivery is given up so long after it was asked for; without it, by the schedule alone."
    ] = None
    order: Annotated[
        Literal["strict", "none"], "strict: within a thread each waits for the one before it; none: nothing waits."
    ] = "strict"
    hold_count: Annotated[int, Meta(ge=1, le=5000), "So many wait behind the one whose turn it is."] = HOLD_COUNT
    hold_time: Annotated[Span | None, "... and each for so long; without it, as long as the one before may take."] = (
        None
    )
    rate: Annotated[Rate | None, "At most so many attempts: 10/s, 300/m, 1000/h."] = None
    breaker_failures: Annotated[
        int, Meta(ge=0, le=1000), "After so many failures in a row only probes are sent; 0: no breaker."
    ] = 5
    breaker_probe: Annotated[Span, "Between two probes."] = 30 * SECOND
    throttle: Annotated[
        Duration, "After 429, 502, 503 or 504 nothing is sent for so long, or as long as Retry-After says."
    ] = 5 * SECOND
    disabled_after: Annotated[Duration, "An endpoint that took nothing for so long is switched off; 0: never."] = (
        5 * DAY
    )

    def checked(self) -> DeliveryPolicy:
        """Itself; raises for a schedule that begins late, and for a hold where nothing is held."""
        if self.schedule[0] != 0:
            raise unfit("the first attempt is made at once", "a schedule that begins with 0", "put 0 first")
        if self.order == "none" and (self.hold_time is not None or self.hold_count != HOLD_COUNT):
            message = "hold_count and hold_time mean nothing with order: none, where nothing waits for another"
            raise unfit(message, remedy="leave them out, or write order: strict")
        return self
