"""The real `decide` agent with all of its rules on: context, loops, time-outs, routes, escalations; three messages or
changes of a record for each problem.

Arguments: bootstrap prefix events.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.full_traffic import RULES
from tests.bench.workload import run_engine
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rulesfile import load_rulebook

with TemporaryDirectory() as folder:
    path = Path(folder) / "rules.yaml"
    path.write_text(RULES)
    config = DecideConfig(book=load_rulebook(path))
prefix = f"{sys.argv[2]}full."
agent = DecideAgent(lambda: config, prefix, SchemaBook())
asyncio.run(run_engine(agent, sys.argv[1], prefix, int(sys.argv[3])))
