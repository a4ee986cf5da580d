"""`tocsin rules init | check | test | schema`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tocsin.connectors.printable import printable
from tocsin.connectors.webhooks import new_secret
from tocsin.streams.cli.output import as_typed, show, show_error, show_json
from tocsin.streams.cli.rules_agents import agents_of
from tocsin.streams.cli.rules_scenarios import played
from tocsin.streams.cli.rules_test import Recorded, Rehearsing, recorded_in, recorded_last_day
from tocsin.streams.processes.exit_codes import CHECK_FAILED, USAGE, CommandFailed
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rules.config import DecideConfig, RuleBook
from tocsin.streams.rulesfile import Finding, json_schema, read_rules
from tocsin.streams.settings import load_settings
from tocsin.streams.up.home import located_settings

app = typer.Typer()

RulesFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The rules file.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]


FIRST = """\
# The rules file of Tocsin: who is told of which problem. deploy/rules.example.yaml has all that it can say;
# check it with `tocsin rules check`. It holds a secret: keep it to yourself (or use secret_file, secret_env).

endpoints:
  desk:
    sink: webhook
    url: {url}
    secret: {secret}
    allow_private: true   # plain http and this machine are right here
  terminal:
    sink: log             # a line in the terminal of `tocsin up`

default_route: desk       # who is told when no route below fits

routes:
  - name: warnings        # the first route that fits is taken
    match: {{severity: warning}}
    endpoints: terminal
"""
"""What `rules init` writes."""


@app.command()
def init(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write it; an existing file is left alone.")] = (
        Path("rules.yaml")
    ),
    url: Annotated[str, typer.Option(help="Where the webhook goes.")] = "http://127.0.0.1:8799/",
) -> None:
    """Write a small rules file: one webhook, with a fresh secret, to be tried with `tocsin receive`."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandFailed(USAGE, f"{file} exists, and is left as it is: give another name") from None
    with open(descriptor, "w", encoding="utf-8") as new:
        new.write(FIRST.format(url=url, secret=new_secret()))
    show(f"{file}: one webhook to {url}, with a secret of its own")
    tocsin = as_typed()
    show(f"  receive    {tocsin} receive --rules {file}    (a receiver on this machine)")
    show(f"  run        {tocsin} up --rules {file}         (another terminal)")
    show(f"  try        {tocsin} publish --example              (a third one)")


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
        agents = {"agents": agents_of(book)} if book is not None and book.by_didcomm else {}
        show_json({"ok": book is not None, "findings": msgspec.to_builtins(findings), **agents, **extra})
    else:
        for finding in findings:
            show(printable(str(finding)))
        for line in too_much:
            show(printable(f"{file}: warning: {line} of the last day"))
        for name, said in ({} if book is None else agents_of(book)).items():
            show(printable(f"{file}: endpoint {name} {said}"))
        if book is not None:
            show(f"{file}: {len(book.endpoints)} endpoints, {len(book.routes)} routes: good to use")
    raise typer.Exit(CHECK_FAILED if book is None else 0)


@app.command("test")
def rehearse(
    file: RulesFile,
    events: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, readable=True, help="Lines of `tocsin tail inbox --json`."),
    ] = None,
    scenario: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, readable=True, help="A scenario file (docs/scenarios.md); may be repeated."
        ),
    ] = None,
    as_json: AsJson = False,
    force: Annotated[
        bool, typer.Option("--force", help="Exit 0 also when a rule suppresses more than half of the problems.")
    ] = False,
) -> None:
    """Say what these rules would do with recorded events, and exit 1 when a rule would suppress most of them; or
    whether they notify exactly as scenarios say, and exit 1 when not."""
    if (events is None) == (not scenario):
        raise CommandFailed(USAGE, "say what to test the rules with: --events FILE, or --scenario FILE (once or more)")
    book, findings = _read(file)
    if book is None:
        for finding in findings:
            show_error(printable(str(finding)))
        raise typer.Exit(CHECK_FAILED)
    failed = _rehearse(book, file, events, as_json, force) if events else _play(book, scenario or [], as_json)
    raise typer.Exit(CHECK_FAILED if failed else 0)


def _rehearse(book: RuleBook, file: Path, events: Path, as_json: bool, force: bool) -> bool:
    """Whether a rule suppresses too much of recorded events."""
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
    return bool(too_much) and not force


def _play(book: RuleBook, scenarios: list[Path], as_json: bool) -> bool:
    """Whether a scenario differs."""
    failed = 0
    for one in played(book, scenarios):
        failed += one.differences is not None
        if as_json:
            show_json(one.summary())
            continue
        for line in one.lines():
            show(printable(line))
    return failed > 0


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
