"""The real `decide` agent on real reports: case, thread, seen rows; opened event and delivery for each.

Arguments: bootstrap prefix events.
"""

from __future__ import annotations

import asyncio
import sys

from tests.bench.workload import run_engine
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.rules.config import DecideConfig, default_rulebook

config = DecideConfig(book=default_rulebook())
agent = DecideAgent(lambda: config, sys.argv[2], SchemaBook())
asyncio.run(run_engine(agent, sys.argv[1], sys.argv[2], int(sys.argv[3])))
