"""`tocsin rules check | test | schema`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tocsin.streams.cli.output import printable, show, show_error, show_json
from tocsin.streams.cli.rules_test import Recorded, Rehearsing, recorded_in, recorded_last_day
from tocsin.streams.processes.exit_codes import CHECK_FAILED
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rules.config import DecideConfig, RuleBook
from tocsin.streams.rulesfile import Finding, json_schema, read_rules
from tocsin.streams.settings import load_settings
from tocsin.streams.up.home import located_settings

app = typer.Typer()

RulesFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The rules file.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]


@app.command()
def check(
    file: RulesFile,
    as_json: AsJson = False,
    last_day: Annotated[
        bool, typer.Option("--last-day", help="Warn of rules that suppress most of the last day's problems (Kafka).")
    ] = False,
) -> None:
    """Check a rules file: every error and warning with file:line, the reason and what to do. Exit 1 on an error."""
    book, findings = _read(file)
    too_much = asyncio.run(_last_day(book)) if last_day and book is not None else []
    if as_json:
        extra = {"too_much": too_much} if last_day else {}
        show_json({"ok": book is not None, "findings": msgspec.to_builtins(findings), **extra})
    else:
        for finding in findings:
            show(printable(str(finding)))
        for line in too_much:
            show(printable(f"{file}: warning: {line} of the last day"))
        if book is not None:
            show(f"{file}: {len(book.endpoints)} endpoints, {len(book.routes)} routes: good to use")
    raise typer.Exit(CHECK_FAILED if book is None else 0)


@app.command("test")
def replay(
    file: RulesFile,
    events: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, readable=True, help="Lines of `tocsin tail inbox --json`.")
    ],
    as_json: AsJson = False,
    force: Annotated[
        bool, typer.Option("--force", help="Exit 0 also when a rule suppresses more than half of the problems.")
    ] = False,
) -> None:
    """Say what these rules would do with recorded events, and exit 1 when a rule would suppress most of them."""
    book, findings = _read(file)
    if book is None:
        for finding in findings:
            show_error(printable(str(finding)))
        raise typer.Exit(CHECK_FAILED)
    rehearsing = Rehearsing(DecideConfig(book=book))
    show_line = show_json if as_json else lambda effect: show(printable(effect["line"]))
    for recorded in recorded_in(events):
        for effect in rehearsing.hear(recorded):
            show_line(effect)
    for effect in rehearsing.finish():
        show_line(effect)
    summary, too_much = rehearsing.summary(), rehearsing.tally.too_much()
    if as_json:
        show_json(summary)
    else:
        for line in rehearsing.summary_lines():
            show(printable(line))
    for line in too_much:
        show_error(printable(f"tocsin: {file}: {line}" + ("" if force else "; is that right? then use --force")))
    raise typer.Exit(CHECK_FAILED if too_much and not force else 0)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rules file, for editors."""
    show_json(json_schema())


def _read(file: Path) -> tuple[RuleBook | None, list[Finding]]:
    return read_rules(file, own=own_addresses(load_settings()))


async def _last_day(book: RuleBook) -> list[str]:
    rehearsing = Rehearsing(DecideConfig(book=book))
    recorded: Recorded
    async for recorded in recorded_last_day(located_settings()):
        rehearsing.hear(recorded)
    return rehearsing.tally.too_much()
