"""Writes MEDIATION.md from the scenario tables: `python -m tocsin.connectors.mediation.tables_document`, in the
repository."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tocsin.connectors.mediation.loading import TABLES, load_table
from tocsin.connectors.mediation.table import Action, Flow, Option, Scenario, ScenarioTable, behaviour_of

FILE = Path("connectors/MEDIATION.md")
"""Where the document lies in the repository."""

_HEAD = """# What is done when a message cannot be dealt with

Written by `python -m tocsin.connectors.mediation.tables_document` from
`connectors/tocsin/connectors/mediation/tables/*.json`: change those. A column is a deployment's choice; it names the
option that acts, of another scenario after a fallback.
"""


def document() -> str:
    """The whole document in Markdown: for each table its scenarios by column, then all options."""
    return "\n".join([_HEAD, *(line for name in TABLES for line in _chapter(load_table(name)))])


def _chapter(table: ScenarioTable) -> Iterator[str]:
    yield f"## {table.title}: `{table.name}`\n"
    if table.source:
        yield f"Source: {table.source}\n"
    yield from (f"- {note}" for note in table.notes)
    yield f"- An exception that no row knows is {table.otherwise}.\n"
    if table.flows:
        yield _row("messages", "how troubles with them are answered", "notes")
        yield _row(*["---"] * 3)
        yield from (_flow(flow) for flow in table.flows)
        yield ""
    yield _row("scenario", "what happened", *table.columns)
    yield _row(*["---"] * (2 + len(table.columns)))
    for name, scenario in table.scenarios.items():
        yield _row(name, scenario.title, *(_chosen(table, name, column) for column in table.columns))
    yield "\n" + _row("option", "what is done", "code", "comment", "notes")
    yield _row(*["---"] * 5)
    for name, scenario in table.scenarios.items():
        for letter, option in scenario.options.items():
            code = f"`{option.code}`" if option.code else ""
            yield _row(behaviour_of(name, letter), _done(option), code, option.comment or "", _notes(scenario, option))
    yield ""


def _chosen(table: ScenarioTable, name: str, column: str) -> str:
    chosen = table.choice(name, column)
    return behaviour_of(*chosen) if chosen else ""


def _flow(flow: Flow) -> str:
    how = (("in the same exchange", flow.synchronous), ("signed", flow.signed))
    types = ", ".join(f"`{pattern}`" for pattern in flow.patterns)
    return _row(types, ", ".join(said for said, holds in how if holds), flow.note or "")


def _done(option: Option) -> str:
    done = f"reply: {option.reply_with}" if option.do is Action.REPLY else option.do.value
    return done + (", in the same exchange" if option.synchronous else "")


def _notes(scenario: Scenario, option: Option) -> str:
    notes = [note for note in (scenario.note, option.note) if note]
    if scenario.capability:
        for said, acts in (("can", scenario.capability.able), ("cannot", scenario.capability.unable)):
            if scenario.options.get(acts) is option:
                notes.append(f"whatever the column, when the connection {said}: {scenario.capability.name}")
    if option.args:
        notes.append(f"arguments: {', '.join(option.args)}")
    if option.written:
        notes.append(f"also written {', '.join(f'`{code}`' for code in option.written)}")
    if option.retry != "unknown":
        notes.append(f"to try again: {option.retry}")
    if option.signed is not None:
        notes.append("signed" if option.signed else "never signed")
    return "; ".join(notes)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(document(), "utf-8")
