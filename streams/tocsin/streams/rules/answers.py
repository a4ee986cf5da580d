"""What became of a command, as an event that whoever issued it can wait for: each command is answered."""

from __future__ import annotations

from typing import NamedTuple

from tocsin.schemas.events import CommandAnswered, CommandIssued, CommandOutcome, EndpointCommand
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.context.threads import MAX_TEXT, clip
from tocsin.streams.rules.decision import ANSWERS, Emit
from tocsin.streams.rules.derive import about


class Answer(NamedTuple):
    """The outcome of a command, and more about it for a person."""

    outcome: CommandOutcome
    detail: str | None = None


DONE = Answer(CommandOutcome.DONE)


def done(detail: str) -> Answer:
    """The answer when it is as was wanted, and there is more to say."""
    return Answer(CommandOutcome.DONE, detail)


def already(detail: str) -> Answer:
    """The answer when nothing had to be done."""
    return Answer(CommandOutcome.ALREADY_SO, detail)


def refused(detail: str) -> Answer:
    """The answer when it cannot be carried out."""
    return Answer(CommandOutcome.REFUSED, detail)


def answered(
    command: CommandIssued | EndpointCommand, target: str, answer: Answer, now: int, case: str | None = None
) -> Emit:
    """The event that tells the answer, decided at `now` (microseconds): the same command may be answered again."""
    common = about(command, derived_id("answered", command.event_id, answer.outcome, str(now)), now)
    event = CommandAnswered(
        **common,
        command=command.event_id,
        kind=command.kind.value,
        target=clip(target) or "",
        by=command.by[:MAX_TEXT],
        outcome=answer.outcome,
        case=case,
        detail=answer.detail,
    )
    return Emit(ANSWERS, command.event_id, event)
