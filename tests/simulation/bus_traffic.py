"""What the world publishes: a seeded stream of problems in several dialects, activity and commands, by bursts.

Problems come in threads and without, once and again, identical, replayed, to and fro, and in loops that only a limit
ends; replies come late or never; people answer, sometimes before the problem is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import cache
from random import Random

from msgspec.structs import replace

from tocsin.connectors.publish.reporting import Origin, problem_reported
from tocsin.schemas.events import ActivityKind, ActivityObserved, CommandIssued, CommandKind, Event, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, Severity, Source

TENANTS = 7
SECOND = 1_000_000

_V2 = "https://didcomm.org/report-problem/2.0/problem-report"
_V1 = "https://didcomm.org/report-problem/1.0/problem-report"


def _didcomm(code: str, **more: object) -> tuple[str, Mapping[str, object]]:
    body = {"code": code, "comment": code, **more}
    return "didcomm-2.0", {"id": "m", "type": _V2, "pthid": "t", "body": body}


def _aries(code: str, **more: object) -> tuple[str, Mapping[str, object]]:
    return "aries-1.0", {"@type": _V1, "@id": "m", "~thread": {"thid": "t"}, "description": {"code": code}, **more}


_DOCUMENTS = (
    _didcomm("e.p.xfer.cant-use-endpoint", comment="no {1}", args=["way"]),
    _didcomm("w.p.xfer.slow"),
    _didcomm("e.p.trust.crypto", escalate_to="https://desk.example/7"),
    _didcomm("e.p.me.res.storage"),
    _didcomm("w.m.msg"),
    _aries("issuance-abandoned", who_retries="me", impact="thread"),
    _aries("request_not_accepted", escalation_uri="https://desk.example/1"),
    ("rfc9457", {"type": "https://errors.example/out-of-credit", "title": "Out of credit", "status": 403}),
    ("jsonrpc", {"jsonrpc": "2.0", "id": "r", "error": {"code": -32601, "message": "Method not found"}}),
)
_PROTOCOLS = "https://didcomm.org/"
_ANSWERS = {
    f"{_PROTOCOLS}issue-credential/2.0/offer-credential": f"{_PROTOCOLS}issue-credential/2.0/request-credential",
    f"{_PROTOCOLS}messagepickup/3.0/status-request": f"{_PROTOCOLS}messagepickup/3.0/status",
    f"{_PROTOCOLS}present-proof/2.0/request-presentation": f"{_PROTOCOLS}present-proof/2.0/presentation",
}


@cache
def _templates() -> tuple[ProblemReported, ...]:
    return tuple(
        problem_reported(document, Origin(tenant="t", dialect=dialect, event_id="e"), now=1)
        for dialect, document in _DOCUMENTS
    )


class Traffic:
    """One seed's world. `next(now)` is the next event and how many seconds to wait after it.

    `burst` is how many events come together before a pause; large bursts are fast, so that they come in batches.
    """

    def __init__(self, chance: Random, days: float, events: int, burst: int) -> None:
        self._chance = chance
        self._burst = burst
        self._pause = 2.0 * days * 86_400 / max(1, events) * burst
        self._number = 0
        self._threads: deque[tuple[str, str, str]] = deque(maxlen=60)
        self._reports: deque[ProblemReported] = deque(maxlen=40)
        self._waiting: deque[ActivityObserved] = deque(maxlen=40)

    def next(self, now: int) -> tuple[Event, float]:
        """What is published at `now` (microseconds)."""
        roll = self._chance.random()
        event: Event
        if roll < 0.5 or not self._reports:
            event = self._problem(now)
        elif roll < 0.60:
            event = self._again(now)
        elif roll < 0.90:
            event = self._activity(now)
        else:
            event = self._command(now)
        return event, self._wait()

    def _wait(self) -> float:
        chance = self._chance
        if chance.random() < 1 / self._burst:
            return chance.uniform(0, self._pause)
        return chance.choice((0.001, 0.05, 0.5, 5.0, 40.0) if self._burst < 50 else (0.0, 0.0, 0.0, 0.001, 0.5))

    def _problem(self, now: int) -> ProblemReported:
        chance = self._chance
        tenant, thread, connection = self._thread()
        report = chance.choice(_templates())
        code = "nobody.knows" if chance.random() < 0.05 else report.problem.code
        number = self._next_number()
        problem = replace(
            report.problem,
            code=code,
            code_key=report.problem.code_key if code == report.problem.code else code,
            severity=report.problem.severity if code == report.problem.code else Severity.UNKNOWN,
            thread_id=thread if chance.random() < 0.8 else None,
            parent_thread_id=None,
            message_id=f"message-{number}",
            source=self._source(report.problem, connection),
            message_sha256=f"{number:064x}" if chance.random() < 0.5 else None,
        )
        event_id = derived_id("problem", str(number))
        found = replace(report, event_id=event_id, tenant=tenant, occurred_at=now, recorded_at=now, problem=problem)
        self._reports.append(found)
        return found

    def _source(self, problem: Problem, connection: str) -> Source:
        sides = ("did:example:us", f"did:example:{connection}")
        sender, recipient = sides if self._chance.random() < 0.5 else sides[::-1]
        return replace(problem.source, connection=connection, sender=sender, recipients=[recipient])

    def _again(self, now: int) -> ProblemReported:
        """The same event, the same ciphertext, the same problem once more, or the same id with another body."""
        chance, report = self._chance, self._chance.choice(self._reports)
        how = chance.random()
        if how < 0.2:
            return report if now - report.recorded_at < 1800 * SECOND else self._problem(now)
        fresh = derived_id("problem", str(self._next_number()))
        again = replace(report, event_id=fresh, occurred_at=now, recorded_at=now)
        if how < 0.3 and now - report.recorded_at < 1800 * SECOND:
            return replace(again, event_id=report.event_id, raw=report.raw + b" ")
        return again

    def _activity(self, now: int) -> ActivityObserved:
        chance = self._chance
        if self._waiting and chance.random() < 0.4:
            return self._reply(now)
        tenant, thread, connection = self._thread()
        number = self._next_number()
        asked = chance.choice(tuple(_ANSWERS))
        kind = chance.choice(
            (ActivityKind.MESSAGE_SENT,) * 4 + (ActivityKind.CONNECTION_OPENED, ActivityKind.RECORD_CHANGED)
        )
        sent = ActivityObserved(
            event_id=derived_id("activity", str(number)),
            tenant=tenant,
            occurred_at=now,
            recorded_at=now,
            kind=kind,
            message_id=f"sent-{number}",
            message_type=asked if kind is ActivityKind.MESSAGE_SENT else None,
            thread_id=thread if kind is not ActivityKind.CONNECTION_OPENED else None,
            parent_thread_id=f"{thread}-parent" if chance.random() < 0.3 else None,
            connection=connection,
            trust=chance.choice((None, "low", "high")),
            record_state="done" if kind is ActivityKind.RECORD_CHANGED else None,
            detail={"their_did": f"did:example:{connection}"} if kind is ActivityKind.CONNECTION_OPENED else {},
        )
        if kind is ActivityKind.MESSAGE_SENT:
            self._waiting.append(sent)
        return sent

    def _reply(self, now: int) -> ActivityObserved:
        sent = self._chance.choice(self._waiting)
        self._waiting.remove(sent)
        number = self._next_number()
        return replace(
            sent,
            event_id=derived_id("activity", str(number)),
            occurred_at=now,
            recorded_at=now,
            kind=ActivityKind.MESSAGE_RECEIVED,
            message_id=f"received-{number}",
            message_type=_ANSWERS.get(sent.message_type or "", sent.message_type),
        )

    def _command(self, now: int) -> CommandIssued:
        chance = self._chance
        report = chance.choice(self._reports)
        kind = chance.choice((CommandKind.ACKNOWLEDGE, CommandKind.RESOLVE, CommandKind.SNOOZE))
        early = chance.random() < 0.1
        return CommandIssued(
            event_id=derived_id("command", str(self._next_number())),
            tenant=report.tenant,
            occurred_at=now,
            recorded_at=now,
            kind=kind,
            target=derived_id("problem", str(self._number + 3)) if early else report.event_id,
            by="somebody",
            until=now + chance.choice((60, 3600, 90_000)) * SECOND if kind is CommandKind.SNOOZE else None,
        )

    def _thread(self) -> tuple[str, str, str]:
        chance = self._chance
        if self._threads and chance.random() < 0.7:
            return chance.choice(self._threads)
        tenant = f"tenant-{chance.randrange(TENANTS)}"
        found = (tenant, f"thread-{self._next_number()}", f"connection-{chance.randrange(9)}")
        self._threads.append(found)
        return found

    def _next_number(self) -> int:
        self._number += 1
        return self._number
