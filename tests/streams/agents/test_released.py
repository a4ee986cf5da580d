"""A partition that is given up costs no memory: no agent holds its rows."""

from __future__ import annotations

import gc
import weakref

from tests.harness.canaries import JWT
from tocsin.connectors.publish import Origin, problem, problem_reported
from tocsin.schemas.codec import encode
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.decide import DecideAgent
from tocsin.streams.engine.fold import Folder, Limits
from tocsin.streams.engine.record import Record
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.rules.config import DecideConfig, default_rulebook


def test_the_turn_that_is_used_again_lets_the_rows_go() -> None:
    agent = DecideAgent(lambda: DecideConfig(book=default_rulebook()), "t.", SchemaBook())
    stores = [RowStore(agent.encode_row, agent.decode_row, agent.row_version) for _ in range(2)]
    event = encode(problem_reported(problem("e.p.msg", text=f"no {JWT}"), Origin(tenant="acme")))
    for rows in stores:
        folded = Folder(agent, rows, 0, Limits(), lambda key: 0).fold([Record("t.inbox", 0, 0, 1, None, event)], 0)
        assert folded.dead == {}
    agent.released(stores[0])
    kept = [weakref.ref(rows) for rows in stores]
    agent.released(stores[1])
    del rows, stores, folded
    gc.collect()
    assert [rows() for rows in kept] == [None, None]
