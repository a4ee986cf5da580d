"""`tocsin tail`: the records of a topic as they come, filtered by a CEL expression."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tocsin.connectors.printable import clipped
from tocsin.streams.cli.options import client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.records import records_of, seen_of
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed
from tocsin.streams.processes.lifecycle import stop_on_signals, unless
from tocsin.streams.rules.expression import compile_cel
from tocsin.streams.settings import Settings, load_settings
from tocsin.streams.topology import TOPICS, topic_name

if TYPE_CHECKING:
    import cel

NOTHING: dict[str, Any] = {
    "type": "",
    "event": {},
    "key": "",
    "topic": "",
    "partition": 0,
    "offset": 0,
    "time": "",
    "undecodable": "",
    "hex": "",
    "bytes": 0,
}
"""The names that an expression may use, with their values on a record that has none of them."""
TYPES = {"int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"}
"""CEL's own names."""
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*(\w+)\s*,")
"""The variables that CEL's macros bring along."""

_SHOWN = (
    "kind",
    "target",
    "case",
    "reason",
    "endpoint",
    "endpoints",
    "attempt",
    "outcome",
    "status",
    "count",
    "delivery_id",
    "event_id",
)


class From(StrEnum):
    """Where to begin."""

    BEGINNING = "beginning"
    NOW = "now"


def run(
    topic: Annotated[str, typer.Argument(help="A topic of the map, with or without its prefix.")] = "problems",
    start: Annotated[From, typer.Option("--from", help="Where to begin.")] = From.NOW,
    expression: Annotated[
        str | None,
        typer.Option(
            "--filter", help="CEL on type, event, key, partition, offset: 'event.problem.severity == \"error\"'."
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on for ever, or end at the end.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per record.")] = False,
) -> None:
    """Show the events of a topic as they come, until Ctrl-C; commits nothing and disturbs nobody."""
    name = _name_of(topic)
    wanted = Filter(expression)
    settings = client_settings()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    showing = show_json if as_json else lambda seen: show(fitting(line_of(seen), width))
    if follow and not as_json:
        where = f"{topic_name(settings.prefix, name)} at {settings.bootstrap}"
        since = "" if start is From.BEGINNING else " (what is there already: --from beginning)"
        show_error(f"tocsin: waiting for events of {where}{since}; Ctrl-C ends")
    asyncio.run(_tail(settings, topic_name(settings.prefix, name), start, follow, wanted, showing))


async def _tail(
    settings: Settings, topic: str, start: From, follow: bool, wanted: Filter, showing: Callable[[dict[str, Any]], None]
) -> None:
    stop = stop_on_signals()

    async def until_the_end() -> None:
        async with aclosing(records_of(settings, topic, start.value, follow=follow)) as records:
            async for record in records:
                seen = seen_of(record)
                if wanted.wants(seen):
                    showing(seen)

    await unless(stop, until_the_end())
    if complaint := wanted.complaint():
        show_error(f"tocsin: {complaint}")


def _name_of(topic: str) -> str:
    known = [spec.name for spec in TOPICS]
    name = topic if topic in known else topic.removeprefix(load_settings().prefix)
    if name not in known:
        raise CommandFailed(USAGE, f"no topic {topic!r} is on the map; there are {', '.join(known)}")
    return name


def fitting(line: str, width: int | None) -> str:
    """The line, cut to the width of the terminal (None: whole, it is read by a program)."""
    return line if width is None else clipped(line, max(width, 20))


def line_of(seen: dict[str, Any]) -> str:
    """One line for a person; nothing in it can control a terminal."""
    head = f"{seen['time'][11:23]} {seen['partition']}:{seen['offset']}"
    if not seen["type"]:
        return f"{head} undecodable ({seen['undecodable']}): {seen['hex']} ({seen['bytes']} bytes)"
    event = seen["event"]
    problem = event.get("problem") or {}
    members = [
        f"{name}={clipped(str(value), 100)}"
        for name, value in (
            ("tenant", event.get("tenant")),
            ("code", problem.get("code")),
            ("thread", problem.get("thread_id")),
            *((name, event.get(name)) for name in _SHOWN),
            ("text", problem.get("text")),
        )
        if value not in (None, "", [])
    ]
    return f"{head} {seen['type']} {' '.join(members)}"


class Filter:
    """Whether a record is wanted; without an expression, each is.

    An event without a member that the expression uses is not wanted; `complaint` reports when none had it.
    """

    def __init__(self, expression: str | None) -> None:
        """Raises CommandFailed(2) when it is not CEL, uses names that records do not have, or gives no boolean."""
        self._program = None if expression is None else _compiled(expression)
        self._evaluated = self._failed = 0
        self._why = ""
        if self._program is not None:
            self.wants(NOTHING)
            self._evaluated = self._failed = 0

    def wants(self, seen: dict[str, Any]) -> bool:
        """Raises CommandFailed(2) when the result is no boolean, or a function does not exist."""
        if self._program is None:
            return True
        self._evaluated += 1
        try:
            result = self._program.execute(NOTHING | seen)
        except Exception as error:
            self._why = clipped(f"{type(error).__name__}: {error}", 200)
            if self._why.startswith("RuntimeError: Undefined"):
                raise CommandFailed(USAGE, f"--filter: {clipped(str(error), 200)}") from None
            self._failed += 1
            return False
        if not isinstance(result, bool):
            raise CommandFailed(USAGE, f"--filter gives {clipped(repr(result), 60)}, and not true or false")
        return result

    def complaint(self) -> str | None:
        """A message when the expression could be evaluated for none of the records, else None."""
        if not self._failed or self._failed < self._evaluated:
            return None
        return f"--filter could not be worked out for any of {self._evaluated} records (the last one: {self._why})"


def _compiled(expression: str) -> cel.Program:
    try:
        program = compile_cel(expression)
    except ValueError as error:
        raise CommandFailed(USAGE, f"--filter is not CEL: {clipped(str(error), 300)}") from None
    unknown = set(program.variables()) - NOTHING.keys() - TYPES - set(_BOUND.findall(expression))
    if unknown:
        raise CommandFailed(
            USAGE, f"--filter: records have no {', '.join(sorted(unknown))}; they have {', '.join(NOTHING)}"
        )
    return program
