"""Nothing that a timer does comes early: escalation steps, time-outs and digests against what people were promised.

A model of its own: it knows the rules file and the events, neither rows nor heaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tests.simulation.broken import Broken
from tests.simulation.watched import Watcher
from tocsin.schemas.events import (
    ActivityKind,
    ActivityObserved,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    ProblemsDigested,
    ProblemSuppressed,
    TimeoutNoticed,
)
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import RuleBook
from tocsin.streams.rules.decision import Decision, Emit

HELD_BACK = ("identical", "muted", "grouped")
"""Reasons of suppressions that a digest tells of later."""

_ENDS = EscalationAcknowledged | EscalationCancelled | EscalationExhausted


class _Escalation(Struct):
    policy: str
    earliest: int
    snoozed_until: int = 0
    status: str = "running"


class TimerWatch(Watcher):
    """`books` are all rules files that were ever in force; the shortest wait of any counts. A copy of an event (its
    publisher had no answer and tried again) is no new message that waits for a reply."""

    def __init__(self, books: Sequence[RuleBook]) -> None:
        self._books = books
        self._known: set[int] = set()
        self._floor = min(policy.floor for book in books for policy in book.timeouts)
        self._escalations: dict[tuple[str, str], _Escalation] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self.counts: Counter[str] = Counter()
        self.held_back: Counter[str] = Counter()
        self.digested: Counter[str] = Counter()

    def folded(self, event: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        self._hear(said, now)
        if isinstance(event, ActivityObserved) and event.thread_id is not None and not self._is_copy(event):
            if event.kind is ActivityKind.MESSAGE_SENT:
                self._sent[event.tenant, event.thread_id] = now
            elif event.kind is ActivityKind.MESSAGE_RECEIVED:
                self._sent.pop((event.tenant, event.thread_id), None)

    def _is_copy(self, event: ActivityObserved) -> bool:
        copy = hash(event.event_id) in self._known
        self._known.add(hash(event.event_id))
        return copy

    def fired(self, key: str, row: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        self._hear(said, now)

    def _hear(self, said: Sequence[Decision], now: int) -> None:
        for one in said:
            if not isinstance(one, Emit):
                continue
            match one.event:
                case EscalationRaised() as raised:
                    self._raised(raised, now)
                case EscalationStepped() as stepped:
                    self._stepped(stepped, now)
                case EscalationSnoozed() as snoozed:
                    self._snoozed(snoozed)
                case EscalationAcknowledged() | EscalationCancelled() | EscalationExhausted() as ended:
                    self._ended(ended)
                case TimeoutNoticed() as noticed:
                    self._timeout(noticed, now)
                case ProblemsDigested() as digested:
                    self._digest(digested, now)
                case ProblemSuppressed() as suppressed if suppressed.reason in HELD_BACK:
                    self.held_back[suppressed.reason] += 1

    def _raised(self, raised: EscalationRaised, now: int) -> None:
        self.counts["raised"] += 1
        self._escalations[raised.tenant, raised.case] = _Escalation(raised.policy, raised.first_step_at or now)

    def _stepped(self, stepped: EscalationStepped, now: int) -> None:
        self.counts["stepped"] += 1
        escalation = self._escalations.get((stepped.tenant, stepped.case))
        if escalation is None or escalation.status != "running":
            raise Broken(f"a step of an escalation that does not run: {stepped}")
        early = max(escalation.earliest, escalation.snoozed_until) - now
        if early > 0:
            raise Broken(f"a step {early} microseconds early: {stepped}")
        escalation.earliest = now + min(self._pauses(stepped))

    def _pauses(self, stepped: EscalationStepped) -> list[int]:
        """How long after this step the next may come, by every rules file that knows the policy."""
        found = [0]
        for book in self._books:
            policy = book.escalations.get(stepped.policy)
            if policy is None or stepped.step >= len(policy.steps):
                continue
            step = policy.steps[stepped.step]
            if stepped.repeat < step.times:
                found.append(step.every)
            else:
                found.append(policy.steps[(stepped.step + 1) % len(policy.steps)].wait)
        return found[1:] or found

    def _snoozed(self, snoozed: EscalationSnoozed) -> None:
        self.counts["snoozed"] += 1
        escalation = self._escalations.get((snoozed.tenant, snoozed.case))
        if escalation is not None and escalation.status in ("running", "acknowledged"):
            escalation.snoozed_until = snoozed.until  # the last word counts, also when it is sooner
            escalation.status = "running"  # what is put off goes on later, also when it was taken before

    def _ended(self, ended: _ENDS) -> None:
        status = type(ended).__name__.removeprefix("Escalation").lower()
        self.counts[status] += 1
        escalation = self._escalations.get((ended.tenant, ended.case))
        if escalation is not None:
            escalation.status = status

    def _timeout(self, noticed: TimeoutNoticed, now: int) -> None:
        self.counts[f"time-out: {noticed.choice}"] += 1
        sent = self._sent.get((noticed.tenant, noticed.thread_id or ""))
        if sent is None:
            raise Broken(f"a time-out although nothing is expected: {noticed}")
        if now - sent < self._floor or noticed.waited > now:
            raise Broken(f"a time-out {now - sent} microseconds after the message: {noticed}")

    def _digest(self, digested: ProblemsDigested, now: int) -> None:
        self.counts["digested"] += 1
        self.digested[digested.why] += digested.count
        if now < digested.until or digested.since > digested.until:
            raise Broken(f"a digest before its time: {digested}")

    def check_all_told(self) -> None:
        """For the end: whatever was held back was told in a digest."""
        if self.digested != self.held_back:
            raise Broken(f"held back {dict(self.held_back)}, in digests {dict(self.digested)}")
