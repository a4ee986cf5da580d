"""The whole of `decide` with its timers, for stories about one thread whose reply does not come."""

from __future__ import annotations

import json
from typing import Any

from tests.harness.unanswered import without_answers
from tests.harness.waiting import START, TENANT, config_with
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    CommandIssued,
    CommandKind,
    DeliveryRequested,
    TimeoutNoticed,
)
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, RuleBook
from tocsin.streams.rules.decision import Decision, Emit
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import EscalationPolicy, Step, TimeoutPolicy
from tocsin.streams.rules.replay import MemoryRows, Replay
from tocsin.streams.rules.values import MINUTE, SECOND

OFFER = "https://didcomm.org/issue-credential/2.0/offer-credential"
QUICK = TimeoutPolicy(floor=10 * SECOND, unlearned=10 * SECOND, waits=1, retries=1, backoff=20 * SECOND)
BOOK = RuleBook(
    endpoints={
        "owner": Endpoint(name="owner", sink="memory"),
        "peer": Endpoint(name="peer", sink="memory", audience="peer"),
        "late": Endpoint(name="late", sink="memory"),
        "fallback": Endpoint(name="fallback", sink="memory"),
    },
    default_endpoint="fallback",
    routes=(
        Route(name="late", match=Match.of(code=("w.p.req.time",)), endpoints=("late", "peer")),
        Route(name="over", match=Match.of(code=("e.p.req.time",)), endpoints=("owner",), escalate="night"),
    ),
    escalations={"night": EscalationPolicy(name="night", steps=(Step(wait=MINUTE, endpoints=("owner",)),))},
)
CONFIG = config_with(QUICK, book=BOOK)


class Bus(Replay):
    """The whole of `decide`; its timers fire when `until` lets them."""

    def __init__(self, rows: MemoryRows, config: DecideConfig = CONFIG) -> None:
        super().__init__(config, rows, START)
        self.number = 0

    def send(self, at: int, message_type: str = OFFER, message_id: str = "offer-1") -> list[Decision]:
        """A message goes out, `at` seconds after the start."""
        return self._activity(at, ActivityKind.MESSAGE_SENT, message_type, message_id)

    def reply(self, at: int) -> list[Decision]:
        """The answer comes."""
        return self._activity(at, ActivityKind.MESSAGE_RECEIVED, "answer", "answer-1")

    def command(self, at: int, kind: CommandKind, target: str, choice: str | None = None) -> list[Decision]:
        """The keeper wants something done."""
        issued = CommandIssued(
            event_id=f"command-{at}",
            tenant=TENANT,
            occurred_at=START + at * SECOND,
            recorded_at=START + at * SECOND,
            kind=kind,
            target=target,
            by="the keeper",
            choice=choice,
        )
        self.now = START + at * SECOND
        return without_answers(self.decide(issued))

    def until(self, at: int) -> list[Decision]:
        """Every timer that is due by then fires at its due."""
        return without_answers(decision for one in self.wait(START + at * SECOND) for decision in one.decisions)

    def _activity(self, at: int, kind: ActivityKind, message_type: str, message_id: str) -> list[Decision]:
        self.number += 1
        activity = ActivityObserved(
            event_id=f"activity-{self.number}",
            tenant=TENANT,
            occurred_at=START + at * SECOND,
            recorded_at=START + at * SECOND,
            traceparent="00-1-2-01",
            kind=kind,
            message_type=message_type,
            message_id=message_id,
            thread_id="t",
            connection="lighthouse",
        )
        self.now = START + at * SECOND
        return self.decide(activity)


def events(decisions: list[Decision]) -> list[object]:
    """The events that were emitted, in their order."""
    return [one.event for one in decisions if isinstance(one, Emit)]


def notices(decisions: list[Decision]) -> list[TimeoutNoticed]:
    """The time-outs that were noticed."""
    return [event for event in events(decisions) if isinstance(event, TimeoutNoticed)]


def notifications(decisions: list[Decision]) -> list[tuple[str, dict[str, Any]]]:
    """Endpoint and body of each delivery that is asked for."""
    asked = [event for event in events(decisions) if isinstance(event, DeliveryRequested)]
    return [(request.endpoint, json.loads(request.body)) for request in asked]
