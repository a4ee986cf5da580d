"""`tocsin topics plan | apply | repartition`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
import typer

from tocsin.streams.cli import repartition
from tocsin.streams.cli.options import client_settings
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.exit_codes import CHECK_FAILED
from tocsin.streams.processes.kafka import admin_of
from tocsin.streams.settings import Settings
from tocsin.streams.topics import ChangeKind, TopicChange
from tocsin.streams.topics import apply as apply_topics
from tocsin.streams.topics import plan as plan_topics

app = typer.Typer()
app.command("repartition")(repartition.run)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.command()
def plan(as_json: AsJson = False) -> None:
    """Show how Kafka differs from the map of topics, and change nothing; exit 1 when it does."""
    changes = _run(applying=False)
    _show(changes, as_json, "to make")
    raise typer.Exit(CHECK_FAILED if changes else 0)


@app.command()
def apply(as_json: AsJson = False) -> None:
    """Make the topics that are missing; nothing is deleted or altered. Exit 1 when a difference is left to a person."""
    changes = _run(applying=True)
    _show(changes, as_json, "made")
    raise typer.Exit(CHECK_FAILED if any(change.kind is not ChangeKind.MISSING for change in changes) else 0)


def _run(*, applying: bool) -> list[TopicChange]:
    settings = client_settings()
    return asyncio.run(_changes(settings, applying))


async def _changes(settings: Settings, applying: bool) -> list[TopicChange]:
    async with admin_of(settings) as admin:
        return await (apply_topics if applying else plan_topics)(admin, settings)


def _show(changes: list[TopicChange], as_json: bool, missing: str) -> None:
    if as_json:
        show_json({"changes": msgspec.to_builtins(changes)})
        return
    for change in changes:
        show(f"{missing if change.kind is ChangeKind.MISSING else change.kind.value}: {change.topic}: {change.detail}")
    if not changes:
        show("Kafka has every topic as the map says")
