"""`decide`, `fire` and `deliver` without the answers to commands, for tests of what else follows from one.

What is answered is tested in tests/streams/rules/test_answers.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.schemas.events import Event
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules import decide as rules
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import ANSWERS, INBOX, DeadLetter, Decision
from tocsin.streams.rules.delivery import deliver as deliver_rules
from tocsin.streams.rules.delivery.schedule import DeliverConfig

SAID_BESIDE = (ANSWERS, INBOX)
"""Topics of what `deliver` says besides the attempts."""


def without_answers(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that are no answers to commands."""
    return [one for one in decisions if one.topic != ANSWERS]


def decide(event: Event, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """As the rules decide."""
    return without_answers(rules.decide(event, rows, now, config))


def fire(key: str, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """As the rules decide."""
    return without_answers(rules.fire(key, rows, now, config))


def deliver(event: Event, rows: Rows, now: int, config: DeliverConfig) -> list[Decision]:
    """As the rules of `deliver` decide, without what they say of the endpoint itself."""
    decided = deliver_rules.deliver(event, rows, now, config)
    return [one for one in decided if isinstance(one, DeadLetter) or one.topic not in SAID_BESIDE]
