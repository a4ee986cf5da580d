"""The log lines about what the agents decided: dead letters as warnings, everything else for debugging."""

from __future__ import annotations

import logging

import structlog

from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.rules.decision import DeadLetter, Emit

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
        elif debug and isinstance(decision, Emit):
            event = decision.event
            _log.debug("decided", what=type(event).__name__, event_id=event.event_id, key=decision.key)
