"""What became of a command: waited for, told, and made an exit code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import typer

from tocsin.connectors.commands import span_of
from tocsin.connectors.dialects import Unreadable
from tocsin.schemas.events import CommandAnswered, CommandOutcome
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.cli.asked import line_of
from tocsin.streams.cli.options import usage_error
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.processes.answers_topic import AnswersTopic
from tocsin.streams.processes.exit_codes import CHECK_FAILED, GAVE_UP
from tocsin.streams.settings import Settings
from tocsin.streams.topics import require_topics

HOLDS = (CommandOutcome.DONE, CommandOutcome.ALREADY_SO)
"""Outcomes after which it is as was wanted."""


def seconds_of(wait: str) -> float:
    """The seconds of `--wait`. Raises CommandFailed(2)."""
    try:
        return span_of(wait, "/wait") / 1_000_000
    except Unreadable as unreadable:
        raise usage_error(unreadable) from None


async def issued(
    bootstrap: str, settings: Settings, command: str, write: Callable[[], Awaitable[object]], within: float
) -> CommandAnswered | None:
    """Write a command and wait for its answer; None when none came `within` so many seconds. Raises TopicsMissing,
    KafkaError, and what `write` raises."""
    await require_topics(bootstrap, settings.prefix)
    if not within:
        await write()
        return None
    async with AnswersTopic(bootstrap, settings.prefix, SchemaBook()) as answers:
        await write()
        return await answers.answer(command, within)


def tell(command: str, answer: CommandAnswered | None, within: float, as_json: bool) -> None:
    """Print what became of a command, and exit: 0 when it is as was wanted, 1 when it is not, 70 when nobody knows."""
    if as_json:
        outcome = "not_waited" if not within else "no_answer"
        said = {"outcome": answer.outcome, "case": answer.case, "detail": answer.detail} if answer else {}
        show_json({"event_id": command, "outcome": outcome} | said)
    elif answer is not None:
        line = line_of(command, answer.outcome.value, answer.detail, answer.case)
        show(line) if answer.outcome in HOLDS else show_error(f"tocsin: {line}")
    elif not within:
        show(command)
    if answer is None and within:
        show_error(
            f"tocsin: Kafka has command {command}, and no answer came within {within:g} s: it may be carried out yet. "
            "Is a worker running? See `tocsin doctor`, and `tocsin tail answers --from beginning --no-follow`"
        )
        raise typer.Exit(GAVE_UP)
    if answer is not None and answer.outcome not in HOLDS:
        raise typer.Exit(CHECK_FAILED)
