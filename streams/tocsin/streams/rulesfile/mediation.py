"""The section `mediation` of a rules file: which scenario table holds, checked with the table itself."""

from __future__ import annotations

from pathlib import Path as FilePath

from msgspec import Struct

from tocsin.connectors.mediation import TABLES, ScenarioTable, load_table, read_table
from tocsin.streams.rulesfile.finding import Finding, Findings
from tocsin.streams.rulesfile.model import MediationModel


class MediationRules(Struct, frozen=True, kw_only=True):
    """A checked table, and how the deployment uses it."""

    table: ScenarioTable
    column: str
    escalate_to: str | None


def mediation_of(model: MediationModel | None, folder: FilePath, findings: Findings) -> MediationRules | None:
    """The table that the section names; `folder` is where a relative path starts. What is wrong in the table's own
    file is noted with that file's name and lines."""
    if model is None:
        return None
    table = load_table(model.table) if model.table in TABLES else _from_file(folder / model.table, findings)
    if table is None:
        path = ("mediation", "table")
        findings.error(path, f"the table {model.table} cannot be used", f"a JSON file, or one of {', '.join(TABLES)}")
        return None
    if model.column not in table.columns:
        message = f"table {table.name} has no column {model.column}"
        findings.error(("mediation", "column"), message, f"one of {', '.join(table.columns)}")
        return None
    return MediationRules(table=table, column=model.column, escalate_to=model.escalate_to)


def _from_file(file: FilePath, findings: Findings) -> ScenarioTable | None:
    table, found = read_table(file)
    findings.found.extend(
        Finding(file=each.file, line=each.line, message=each.message, remedy=each.remedy, level=each.level)
        for each in found
    )
    return table
