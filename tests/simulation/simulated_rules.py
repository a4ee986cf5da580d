"""The rules file of the simulation, in several states: workers reload it at any time, each at its own."""

from __future__ import annotations

from functools import cache

from tocsin.streams.rules.config import (
    DecideConfig,
    Endpoint,
    Grouping,
    Inhibition,
    Recipient,
    Route,
    RuleBook,
    Silence,
    TimeOfWeek,
)
from tocsin.streams.rules.delivery.schedule import DeliverConfig
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import DeliveryPolicy, EscalationPolicy, LoopLimits, Repeat, Step, TimeoutPolicy
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND, RateLimit

GENERATIONS = 3
"""How many states the rules file has; the first is the one that is there at the start."""

ENDPOINTS = ("owner", "second", "operator", "peer", "agent", "unrouted")


@cache
def rule_book(generation: int) -> RuleBook:
    """One state of the rules file."""
    names = {name: Endpoint(name=name, sink="memory") for name in ENDPOINTS}
    names["operator"] = Endpoint(name="operator", sink="memory", audience="operator")
    names["peer"] = Endpoint(name="peer", sink="memory", audience="peer", body="didcomm-2.0")
    names["agent"] = Endpoint(name="agent", sink="memory", audience="peer", body="auto", recipient=Recipient())
    return RuleBook(
        endpoints=names,
        default_endpoint="unrouted",
        routes=_routes(generation),
        escalations={"page": _page(generation), "desk": _desk()},
        silences=(Silence(name="maintenance", match=Match.of(code=("e.p.me.res.storage",)), since=0, until=0),),
        inhibit=(
            Inhibition(
                name="trust before transfer",
                source=Match.of(code=("e.p.trust",)),
                target=Match.of(code=("e.p.xfer", "w.p.xfer")),
                equal=("tenant",),
                lasting=HOUR,
            ),
        ),
        mute_times={"night": (TimeOfWeek(start=22 * 60, end=6 * 60),)},
        limits=LoopLimits(thread_errors=12, connection_errors=10, peer_thread=4, peer_hour=10),
        timeouts=(
            TimeoutPolicy(messages=("https://didcomm.org/issue-credential",), floor=HOUR, unlearned=2 * HOUR),
            TimeoutPolicy(floor=30 * SECOND, unlearned=5 * MINUTE, samples=5, retries=2 + generation % 2),
        ),
    )


def _routes(generation: int) -> tuple[Route, ...]:
    xfer = Route(
        name="transfer", match=Match.of(code=("e.p.xfer",)), endpoints=("second", "peer", "agent"), mute=("night",)
    )
    return (
        Route(name="resources", match=Match.of(code=("e.p.me",)), endpoints=("operator",), go_on=True),
        Route(
            name="trust",
            match=Match.of(code=("e.p.trust", "e.p.msg")),
            endpoints=("owner", "peer", "agent") if generation != 1 else ("owner", "agent"),
            escalate="page",
        ),
        Route(
            name="errors", match=Match.of(severity=("error",)), endpoints=("owner",), routes=(xfer,), escalate="desk"
        ),
        Route(
            name="warnings",
            match=Match.of(severity=("warning",)),
            endpoints=("second",),
            group=Grouping(by=("tenant", "code"), wait=MINUTE, interval=10 * MINUTE) if generation != 2 else None,
        ),
    )


def _page(generation: int) -> EscalationPolicy:
    steps = (
        Step(wait=5 * MINUTE, endpoints=("operator",), repeat=Repeat(every=10 * MINUTE, times=2)),
        Step(wait=HOUR, endpoints=("owner", "second")),
    )
    return EscalationPolicy(name="page", steps=steps, cycles=2 - generation % 2, uris=("https://desk.example/*",))


def _desk() -> EscalationPolicy:
    return EscalationPolicy(
        name="desk", steps=(Step(wait=8 * HOUR, endpoints=("operator",)), Step(wait=7 * DAY, endpoints=("second",)))
    )


@cache
def decide_config(generation: int) -> DecideConfig:
    """What `decide` is told in this state. Things are forgotten sooner than in production, or no run would see it."""
    return DecideConfig(
        book=rule_book(generation),
        public_url=f"https://bus-{generation}.example",
        thread_ttl=2 * DAY,
        case_ttl=6 * DAY,
    )


RATES = {"second": RateLimit(2, 3 * HOUR)}
"""The same in each state: what was asked for by one rate is not to be measured by another."""

UNORDERED = "operator"
"""The endpoint whose deliveries wait for nothing."""


@cache
def deliver_config(generation: int) -> DeliverConfig:
    """What `deliver` is told. Breakers open sooner than in production, or few runs would see it."""
    policies = {
        "owner": DeliveryPolicy(breaker_failures=2 + generation, breaker_probe=MINUTE),
        "second": DeliveryPolicy(rate=RATES["second"], breaker_failures=3 + generation),
        "agent": DeliveryPolicy(breaker_failures=2, breaker_probe=HOUR),
        "operator": DeliveryPolicy(order="none", throttle=MINUTE),
        "peer": DeliveryPolicy(exhausted_after=DAY if generation == 2 else None, disabled_after=2 * DAY),
    }
    return DeliverConfig(policies=policies, by_peer=frozenset({"agent"}))
