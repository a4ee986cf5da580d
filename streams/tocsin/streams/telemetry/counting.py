"""What is counted of the decisions of one batch: names of metrics with label values, and how often each.

Label values come from closed sets, or are bounded where series are made of them (docs/metrics.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any

from tocsin.connectors.catalogue.limits import limit_of
from tocsin.connectors.dialects import DIALECTS as READERS
from tocsin.connectors.dialects.codes import DESCRIPTORS
from tocsin.connectors.metrics.bounds import NONE, OTHER, one_of
from tocsin.schemas.events import (
    CHOICES,
    CommandAnswered,
    CommandKind,
    ConflictNoticed,
    DeliveryAttempt,
    DeliveryRequested,
    EndpointCommandKind,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    Event,
    EventBase,
    ProblemExplained,
    ProblemOpened,
    ProblemPromoted,
    ProblemRepeated,
    ProblemResolved,
    ProblemsDigested,
    ProblemSuppressed,
    ProblemUnrouted,
    TimeoutNoticed,
)
from tocsin.schemas.problem import Source
from tocsin.streams.protocols import protocol_of
from tocsin.streams.rules.decision import DeadLetter, Emit
from tocsin.streams.rules.verdict import Limit, Reason

CATEGORIES = frozenset(DESCRIPTORS)
DIALECTS = frozenset(READERS)
SCOPES = frozenset(("protocol", "message", "thread"))
SUPPRESSIONS = frozenset(Reason)
COMMANDS = frozenset((*CommandKind, *EndpointCommandKind))
LIMITS = frozenset(Limit)

OUTCOMES: dict[type[Event], str] = {
    ProblemUnrouted: "unrouted",
    ProblemPromoted: "promoted",
    ProblemResolved: "resolved",
    ConflictNoticed: "conflict",
    ProblemExplained: "explained",
}
"""What became of a problem, by the event that says no more than that."""
ESCALATIONS: dict[type[Event], str] = {
    EscalationRaised: "raised",
    EscalationStepped: "stepped",
    EscalationAcknowledged: "acknowledged",
    EscalationSnoozed: "snoozed",
    EscalationExhausted: "exhausted",
    EscalationCancelled: "cancelled",
}

Key = tuple[str, ...]
"""The name of a metric and its label values, in the order of the catalogue."""
Tally = Counter[tuple[Any, ...]]
"""How often the same was seen: what makes keys of it, and what that is given."""

_RULE = re.compile(r"[a-z0-9-]{1,64}")
_CODE = re.compile(r"[a-z0-9_-]{1,32}(\.[a-z0-9_-]{1,32}){0,15}")
"""What looks like a code: not an id, a DID or a URL that somebody put in its place."""


def counts_of(decisions: Iterable[object]) -> Counter[Key]:
    """What is to be counted of these decisions. What is alike is looked at once: of a backlog most is."""
    tally: Tally = Counter()
    for decision in decisions:
        if isinstance(decision, Emit):
            event = decision.event
            told = SEEN.get(type(event))
            if told is not None:
                told(event, tally)
        elif isinstance(decision, DeadLetter):
            tally[_letter, decision.stage, decision.reason, decision.key] += 1
    counts: Counter[Key] = Counter()
    for (keys_of, *members), times in tally.items():
        for key in keys_of(*members):
            counts[key] += times
    return counts


def peer_of(source: Source) -> str:
    """Who sent a report, as a label: the beginning of the SHA-256 of its DID or connection; `none` without either."""
    return _peer(source.sender or source.connection)


@lru_cache(maxsize=1024)
def _peer(who: str | None) -> str:
    return sha256(who.encode("utf-8", "surrogatepass")).hexdigest()[:12] if who else NONE


@lru_cache(maxsize=256)
def _protocol(piuri: str | None) -> str:
    known = None if piuri is None else protocol_of(piuri)
    return NONE if piuri is None else OTHER if known is None else known.name


def _scope(scope: str | None) -> str:
    return "state" if scope is not None and scope.startswith("state:") else one_of(SCOPES, scope)


# what is seen of an event


def _see_problem(event: ProblemOpened | ProblemRepeated, tally: Tally) -> None:
    problem, source = event.problem, event.problem.source
    tally[
        _problem, "opened" if type(event) is ProblemOpened else "repeated", event.tenant, problem.severity,
        problem.category, problem.scope, event.thread.protocol, problem.dialect, problem.code_key or problem.code,
        source.sender or source.connection,
    ] += 1  # fmt: skip
    for violation in problem.violations:
        tally[_violation, event.tenant, source.sender or source.connection, problem.dialect, violation.rule] += 1
    limit = limit_of(problem)
    if limit is not None:
        tally[_loop, limit] += 1


def _see_other(event: EventBase, tally: Tally) -> None:
    tally[_outcome, OUTCOMES[type(event)], event.tenant] += 1  # type: ignore[index]


def _see_suppressed(event: ProblemSuppressed, tally: Tally) -> None:
    tally[_outcome, "suppressed", event.tenant] += 1
    tally[_suppressed, event.reason] += 1


def _see_timeout(event: TimeoutNoticed, tally: Tally) -> None:
    tally[_outcome, "timeout", event.tenant] += 1
    tally[_timeout, event.choice, event.learned, event.connection] += 1


def _see_digest(event: ProblemsDigested, tally: Tally) -> None:
    tally[_outcome, "digested", event.tenant] += 1
    tally[_digest, "tocsin_digests_total", event.why] += 1
    tally[_digest, "tocsin_digested_problems_total", event.why] += event.count


def _see_command(event: CommandAnswered, tally: Tally) -> None:
    tally[_command, event.kind, event.outcome] += 1


def _see_escalation(event: EventBase, tally: Tally) -> None:
    tally[_escalation, ESCALATIONS[type(event)]] += 1  # type: ignore[index]


def _see_request(event: DeliveryRequested, tally: Tally) -> None:
    tally[_request, event.endpoint] += 1


def _see_attempt(event: DeliveryAttempt, tally: Tally) -> None:
    tally[_attempt, event.endpoint, event.attempt == 1] += 1


SEEN: dict[type[Any], Callable[[Any, Tally], None]] = {
    ProblemOpened: _see_problem,
    ProblemRepeated: _see_problem,
    ProblemSuppressed: _see_suppressed,
    TimeoutNoticed: _see_timeout,
    ProblemsDigested: _see_digest,
    CommandAnswered: _see_command,
    DeliveryRequested: _see_request,
    DeliveryAttempt: _see_attempt,
    **dict.fromkeys(OUTCOMES, _see_other),
    **dict.fromkeys(ESCALATIONS, _see_escalation),
}
"""What is seen of each kind of event that is counted."""


# what is counted of it


def _problem(
    outcome: str, tenant: str, severity: str, category: str | None, scope: str | None, protocol: str | None,
    dialect: str, code: str, peer: str | None,
) -> Iterator[Key]:  # fmt: skip
    what = one_of(CATEGORIES, category), _scope(scope), _protocol(protocol), one_of(DIALECTS, dialect)
    yield "tocsin_problems_total", outcome, severity, *what
    yield "tocsin_tenant_problems_total", tenant, outcome, severity
    yield "tocsin_problem_codes_total", code if _CODE.fullmatch(code) else OTHER, severity
    yield "tocsin_peer_problems_total", _peer(peer), severity


def _outcome(outcome: str, tenant: str) -> Iterator[Key]:
    yield "tocsin_problems_total", outcome, NONE, NONE, NONE, NONE, NONE
    yield "tocsin_tenant_problems_total", tenant, outcome, NONE


def _violation(tenant: str, peer: str | None, dialect: str, rule: str) -> Iterator[Key]:
    named = rule if _RULE.fullmatch(rule) else OTHER
    yield "tocsin_violations_total", tenant, _peer(peer), one_of(DIALECTS, dialect), named


def _loop(limit: str) -> Iterator[Key]:
    if limit in LIMITS:
        yield "tocsin_loops_stopped_total", limit


def _suppressed(reason: str) -> Iterator[Key]:
    yield "tocsin_suppressed_total", one_of(SUPPRESSIONS, reason)


def _timeout(choice: str, learned: bool, connection: str | None) -> Iterator[Key]:
    yield "tocsin_timeouts_total", one_of(CHOICES, choice), "yes" if learned else "no"
    yield "tocsin_peer_timeouts_total", _peer(connection)


def _digest(name: str, why: str) -> Iterator[Key]:
    yield name, one_of(SUPPRESSIONS, why)


def _command(kind: str, outcome: str) -> Iterator[Key]:
    yield "tocsin_commands_total", one_of(COMMANDS, kind), outcome


def _escalation(event: str) -> Iterator[Key]:
    yield "tocsin_escalations_total", event


def _request(endpoint: str) -> Iterator[Key]:
    yield "tocsin_deliveries_requested_total", endpoint


def _attempt(endpoint: str, first: bool) -> Iterator[Key]:
    yield "tocsin_attempts_requested_total", endpoint, "first" if first else "retry"


def _letter(stage: str, reason: str, key: str) -> Iterator[Key]:
    yield "tocsin_dead_total", stage, reason
    if stage == "deliver":
        yield "tocsin_deliveries_dead_total", key, reason
