"""The agent `decide`: inbox -> problems, escalations, deliveries.

Delivery: each event of `inbox` is decided exactly once; what is said about it is said at least once, repeats being
the same bytes under the same event id (docs/architecture.md#write-order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.shell import AgentShell, row_from
from tocsin.streams.agents.tenant_config import TenantConfig
from tocsin.streams.engine.record import Output, Record, Rows
from tocsin.streams.rules import decide
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.state import ROW_VERSION, encode_row
from tocsin.streams.rules.state.keys import key_part
from tocsin.streams.rules.timeouts.grace import note_gap
from tocsin.streams.rules.turn import Turn


class DecideAgent:
    """The rule set `decide` for the engine. `config` is asked at every event, so that rules may be reloaded."""

    name = "decide"
    input_topic = "inbox"
    changelog = "decide-changelog"
    row_version = ROW_VERSION

    def __init__(self, config: Callable[[], DecideConfig], prefix: str, book: SchemaBook) -> None:
        self._config = TenantConfig(config)
        self._shell = AgentShell(self.name, prefix, book)
        self._turn: Turn | None = None
        self.decode = self._shell.decode
        self.encode_row = encode_row
        self.decode_row = row_from

    def partition_key(self, event: Any) -> bytes | None:
        """The tenant: everything of one tenant is decided in one order."""
        tenant: str = event.tenant
        return tenant.encode()

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        tenant, turn = event.tenant, self._turn
        config = self._config(tenant)
        if turn is None or turn.rows is not rows:
            self._turn = turn = Turn(rows, now, config, tenant)
        else:
            turn.begin(now, config, tenant, key_part(tenant))
        return self._shell.outputs(decide.decide_event(turn, event), record)

    def fire(self, key: str, rows: Rows, now: int) -> Iterable[Output]:
        tenant = getattr(rows.get(key), "tenant", None)
        return self._shell.outputs(decide.fire(key, rows, now, self._config(tenant)), None)

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        """Replies that could not be heard are not late: open expectations get the silence as grace."""
        note_gap(rows, since, until)
        return ()

    def tick(self, partition: int, now: int) -> Output:
        return self._shell.tick(self.input_topic, partition, now)
