"""A scenario table by its name, or from a file of your own (JSON, so that the light installation can read it)."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path as FilePath

from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.reading import Unreadable
from tocsin.connectors.mediation.checking import build_table
from tocsin.connectors.mediation.finding import TableError, TableFinding, TableFindings
from tocsin.connectors.mediation.json_lines import lines_of
from tocsin.connectors.mediation.table import ScenarioTable

TABLES = ("identus-mediator", "identus-agent")
"""The tables that ship with Tocsin."""
MAX_TABLE_BYTES = 256 * 1024
"""Size of a table's file."""


def load_table(table: str | FilePath) -> ScenarioTable:
    """A table that ships with Tocsin, by its name, or the one in a file. Raises TableError with all findings."""
    if table in TABLES:
        return _shipped(str(table))
    found, findings = read_table(FilePath(table))
    if found is None:
        raise TableError(findings)
    return found


def read_table(file: FilePath) -> tuple[ScenarioTable | None, list[TableFinding]]:
    """The table in a JSON file, None when there is an error, and all findings by line."""
    findings = TableFindings(str(file))
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_TABLE_BYTES + 1)
    except OSError as error:
        remedy = f"name a file, or one of {', '.join(TABLES)}"
        findings.note((), f"the table cannot be read: {error.strerror}", remedy)
        return None, findings.in_order()
    return parse_table(data, findings), findings.in_order()


def parse_table(data: bytes, findings: TableFindings) -> ScenarioTable | None:
    """The table in JSON bytes, None when there is an error; what is wrong is noted in `findings`."""
    try:
        value = parse_json(data, max_bytes=MAX_TABLE_BYTES)
    except Unreadable as refused:
        position = refused.offset or 0
        findings.lines = {(): data.decode("utf-8-sig", "replace")[:position].count("\n") + 1}
        findings.note((), f"this is not JSON that we take: {refused}")
        return None
    findings.lines = lines_of(data.decode("utf-8-sig"))
    return build_table(value, findings)


@lru_cache
def _shipped(name: str) -> ScenarioTable:
    findings = TableFindings(name)
    data = files("tocsin.connectors.mediation").joinpath("tables", f"{name}.json").read_bytes()
    table = parse_table(data, findings)
    if table is None:
        raise TableError(findings.in_order())
    return table
