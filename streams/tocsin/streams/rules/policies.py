"""What the rules may be told besides the event: limits, time-outs, escalation policies. Frozen; times in microseconds.

`tocsin.streams.rulesfile` builds them from the rules file; the defaults here hold without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from tocsin.streams.rules.spans import DAY, HOUR, MINUTE, SECOND

Identical = Literal["code", "scope", "thread", "peer", "protocol", "source", "record", "text"]
"""What two problems may be compared by."""


class LoopLimits(Struct, frozen=True, kw_only=True):
    """The thresholds of the loop rules (DESIGN 6, REQUIREMENTS b.3, RELIABILITY 3.5 and 3.6); 0 switches a rule off."""

    repeat_window: int = 60 * SECOND
    """An identical problem within it is told once; the rest comes in a digest when it is over."""
    identical: tuple[Identical, ...] = (
        "code", "scope", "thread", "peer", "protocol", "source", "record", "text",
    )  # fmt: skip
    """What has to be equal for two problems to be identical."""
    replay_window: int = DAY
    """The same ciphertext with the same code within it is a replay."""
    thread_errors: int = 50
    """Problems of one thread before the last word; never reset."""
    connection_errors: int = 20
    """Problems of one connection and code without any other message between them; reset by one."""
    connection_window: int = HOUR
    """A pause of such problems that is longer than this resets it too."""
    ping_pong: int = 6
    """Problems of one category that go to and fro between the same two within `ping_pong_window`."""
    ping_pong_window: int = 10 * MINUTE
    peer_thread: int = 10
    """What a peer is told about one thread, at most."""
    peer_hour: int = 60
    """What a peer is told in an hour, at most."""
    hops: int = 8
    """How many buses a problem may have passed."""


class TimeoutPolicy(Struct, frozen=True, kw_only=True):
    """How long a reply may take, and what then; the first policy whose `messages` fit is used."""

    messages: tuple[str, ...] = ()
    """Message types or protocols, whole or by leading path segments; empty fits all."""
    floor: int = 30 * SECOND
    """Never sooner, whatever was learned; days for messages that a person answers."""
    ceiling: int = 7 * DAY
    unlearned: int | None = None
    """The time-out while too few replies were seen; None: none, the first contact waits."""
    quantile: float = 0.99
    factor: float = 2.0
    """The learned time-out is this many times the quantile of the replies seen."""
    samples: int = 20
    """Replies to have seen before anything counts as learned."""
    waits: int = 1
    """How often the choice is to wait longer, before retries."""
    retries: int = 3
    """How many retries are advised before giving up."""
    backoff: int = 30 * SECOND
    """The pause before the first retry, doubled for each further one, with jitter."""
    max_backoff: int = HOUR
    enabled: bool = True


class Step(Struct, frozen=True, kw_only=True):
    """One step of an escalation: after `wait`, tell `endpoints`, then again every `every`, `times` times."""

    wait: int
    endpoints: tuple[str, ...]
    every: int = 0
    times: int = 0


Impact = Literal["none", "normal", "at_once"]
"""What a problem's impact does to an escalation: none, the policy as it is, or the first step without its wait."""


class EscalationPolicy(Struct, frozen=True, kw_only=True):
    """Steps until somebody takes the case (REQUIREMENTS a.7, c 8)."""

    name: str
    steps: tuple[Step, ...]
    cycles: int = 1
    """How often the steps are gone through before the escalation is exhausted."""
    while_they_retry: int = 15 * MINUTE
    """No step sooner than this when the report says that its receiver or both retry (`who_retries`)."""
    impact: Mapping[str, Impact] = field(default_factory=lambda: {"connection": "at_once"})
    """By the report's impact or scope: message, thread, connection, protocol."""
    uris: tuple[str, ...] = ()
    """`escalation_uri` values that may be used: whole, or ending in * ; none by default."""
    uri_endpoint: str | None = None
    """The endpoint that is told, besides each step's, when the report's `escalation_uri` is allowed."""
    snooze_limit: int = 7 * DAY


class TimeOfWeek(Struct, frozen=True, kw_only=True):
    """One recurring time: on `days` (0 is Monday; empty: all), from `start` to `end` (minutes of the day; an end at or
    before the start is on the next day), in `months` (1 to 12; empty: all), in `timezone` (IANA)."""

    days: tuple[int, ...] = ()
    start: int = 0
    end: int = 1440
    months: tuple[int, ...] = ()
    timezone: str = "UTC"


GroupBy = Literal[
    "code", "category", "severity", "scope", "protocol", "connection", "peer", "thread", "parent", "record", "service",
    "wallet", "trust", "tenant",
]  # fmt: skip
"""What problems may be grouped by, or have in common in an inhibition (`rules.routing.subject`)."""


class Grouping(Struct, frozen=True, kw_only=True):
    """Problems of one route that are equal in `by` are told together: the first after `wait`, more every `interval`."""

    by: tuple[GroupBy, ...]
    wait: int = 0
    interval: int = 5 * MINUTE


class TenantRules(Struct, frozen=True, kw_only=True):
    """What holds for one tenant instead of the file's own."""

    limits: LoopLimits
    timeouts: tuple[TimeoutPolicy, ...]
