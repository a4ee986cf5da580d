"""Writes the pages that are made from other files: `make documents`; and marks names that are new as unstable, in
connectors/tocsin/connectors/stability/names/.

streams/decisions/README.md from the titles of the decisions, connectors/MEDIATION.md from the scenario tables,
docs/metrics.md, docs/codes.md, docs/settings.md, docs/commands.md, docs/events.md and docs/names.md from what they
list, streams/PROTOCOLS.md from the protocols, streams/FEATURES.md from features.yaml and the scenarios, the topics of
ACA-Py in docs/agents.md, the vectors for receivers (docs/receivers/vectors/) from what signs, the dashboards
(deploy/grafana/dashboards/) from their panels.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DECISIONS = ROOT / "streams" / "decisions"
INDEX = DECISIONS / "README.md"

_HEAD = """# Decisions

One page each: context, decision, figures, consequence. A measurement that says the design is wrong changes it here.
Written by `make documents`.

| | |
| --- | --- |
"""


def index_of_decisions() -> str:
    """The index: a line for each decision, `# NNNN: title` being its first."""
    rows = []
    for page in sorted(DECISIONS.glob("[0-9]*.md")):
        number, _, title = page.read_text("utf-8").partition("\n")[0].removeprefix("# ").partition(": ")
        rows.append(f"| [{number}]({page.name}) | {title} |\n")
    return _HEAD + "".join(rows)


WRITERS = (
    "tests.stability.names",  # first: the pages say what it marks
    "tocsin.connectors.mediation.tables_document",
    "tocsin.connectors.catalogue.document",
    "tocsin.connectors.metrics.document",
    "tocsin.streams.cli.commands_document",
    "tocsin.streams.settings_document",
    "tocsin.streams.events_document",
    "tocsin.connectors.stability.document",
    "tocsin.streams.protocols.diagrams",
    "tests.connectors.sources.acapy.table",
    "tests.scenarios.features_document",
    "tests.cookbook",
    "tests.connectors.webhooks.vectors",
    "deploy.grafana.generate",
)

if __name__ == "__main__":
    INDEX.write_text(index_of_decisions(), "utf-8")
    for module in WRITERS:
        subprocess.run([sys.executable, "-m", module], cwd=ROOT, check=True)
