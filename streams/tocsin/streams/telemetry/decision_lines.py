"""The log lines about what the agents decided: dead letters as warnings, commands that were answered and endpoints that
changed, everything else for debugging."""

from __future__ import annotations

import logging

import structlog

from tocsin.schemas.events import CommandAnswered, CommandIssued, ProblemReported
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.rules.decision import ANSWERS, BUS, INBOX, DeadLetter, Emit
from tocsin.streams.rules.delivery.health import DISABLED

DELIVER = "deliver"
"""The agent that reports endpoints; what others write to `inbox` are commands of their own."""

_TOLD = frozenset((ANSWERS, INBOX))

LOGGER = "tocsin.decisions"
_log = structlog.get_logger(LOGGER)


def log_decisions(rules: RuleSet, partition: int, folded: Folded) -> None:
    """Log one batch, whose outputs are acknowledged."""
    for reason, count in folded.dead.items():
        _log.warning("dead letter", agent=rules.name, partition=partition, reason=reason, count=count)
    debug = logging.getLogger(LOGGER).isEnabledFor(logging.DEBUG)
    for decision in folded.decisions:
        if isinstance(decision, DeadLetter):
            _log.warning(
                "dead letter",
                agent=rules.name,
                partition=partition,
                stage=decision.stage,
                reason=decision.reason,
                key=decision.key,
                detail=decision.detail,
            )
        elif isinstance(decision, Emit) and decision.topic in _TOLD and _told(rules.name, decision):
            continue
        elif debug and isinstance(decision, Emit):
            event = decision.event
            _log.debug("decided", what=type(event).__name__, event_id=event.event_id, key=decision.key)


def _told(agent: str, decision: Emit) -> bool:
    """Log a line that everybody sees; False when it is none of those."""
    event = decision.event
    if isinstance(event, CommandAnswered) and event.by != BUS:
        _log.info(
            "command answered", kind=event.kind, target=event.target, tenant=event.tenant, by=event.by,
            outcome=event.outcome.value, detail=event.detail,
        )  # fmt: skip
    elif agent == DELIVER and isinstance(event, ProblemReported):
        _log.warning(
            "endpoint off" if event.problem.code == DISABLED else "endpoint failing",
            endpoint=event.problem.source.record_id, detail=event.problem.text,
        )  # fmt: skip
    elif agent == DELIVER and isinstance(event, CommandIssued):
        _log.info("endpoint back", detail=event.why)
    else:
        return False
    return True
