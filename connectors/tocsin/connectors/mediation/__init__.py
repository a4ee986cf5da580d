"""Mediation: what a mediator or agent does when something goes wrong, as data.

See docs/requirements.md#mediator-scenarios.

`handled = await Mediation(load_table("identus-mediator"), publisher).handle(error, Context(...), encrypted=raw)`.
Write your own table as JSON, like those in `tables/`; `tocsin rules check` covers it through `mediation: {table: ...}`.
"""

from __future__ import annotations

from tocsin.connectors.mediation.deciding import Context, Decision, ForeignError, UnknownScenario, classify, decide
from tocsin.connectors.mediation.findings import TableError, TableFinding
from tocsin.connectors.mediation.handling import Dispatch, Handled, Mediation, message_digest
from tocsin.connectors.mediation.loading import TABLES, load_table, read_table
from tocsin.connectors.mediation.table import Action, Capability, ExceptionRow, Flow, Option, Scenario, ScenarioTable
from tocsin.connectors.seen import MemorySeenIds, SeenIds, SqliteSeenIds

__all__ = [
    "TABLES",
    "Action",
    "Capability",
    "Context",
    "Decision",
    "Dispatch",
    "ExceptionRow",
    "Flow",
    "ForeignError",
    "Handled",
    "Mediation",
    "MemorySeenIds",
    "Option",
    "Scenario",
    "ScenarioTable",
    "SeenIds",
    "SqliteSeenIds",
    "TableError",
    "TableFinding",
    "UnknownScenario",
    "classify",
    "decide",
    "load_table",
    "message_digest",
    "read_table",
]
