"""The agent `decide`: inbox -> problems, escalations, deliveries.

Delivery: each event of `inbox` is decided exactly once; what that emits is produced at least once, repeats
being the same bytes under the same event id (docs/architecture.md#write-order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from tocsin.connectors.redaction import REDACTED, might_hold_secret, redacted
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.agents.agent import Agent
from tocsin.streams.agents.tenant_config import TenantConfig
from tocsin.streams.engine.record import Output, Record, Rows
from tocsin.streams.rules import decide
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.gaps import note_gap
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.state import TENANT_ROWS
from tocsin.streams.rules.state.keys import key_part
from tocsin.streams.rules.turn import Turn


class DecideAgent(Agent):
    """The rule set `decide`."""

    name = "decide"
    input_topic = "inbox"
    per_scope = TENANT_ROWS

    def __init__(self, config: Callable[[], DecideConfig], prefix: str, book: SchemaBook) -> None:
        super().__init__(prefix, book)
        self._config = TenantConfig(config)
        self._turn: Turn | None = None

    def partition_key(self, event: Any) -> bytes | None:
        """The tenant: everything of one tenant is decided in one order."""
        tenant: str = event.tenant
        return tenant.encode()

    def fold(self, event: Any, rows: Rows, now: int, record: Record) -> Iterable[Output]:
        """As of any agent; but secrets that a foreign producer wrote go no further, unless the engine gives up on the
        record: then its own bytes are the dead letter."""
        config = self._config(event.tenant)
        redaction = config.book.redaction_of(event.tenant)
        if redaction.members or (REDACTED not in record.headers and might_hold_secret(record.value or b"")):
            without_secrets = redacted(event, redaction)
            if without_secrets is not event:
                event, record = without_secrets, replace(record, value=self._encode(without_secrets))
        return self._outputs(self._decide(event, rows, now, config), record)

    def decide(self, event: Any, rows: Rows, now: int) -> Iterable[Decision]:
        return self._decide(event, rows, now, self._config(event.tenant))

    def _decide(self, event: Any, rows: Rows, now: int, config: DecideConfig) -> Iterable[Decision]:
        tenant, turn = event.tenant, self._turn
        if turn is None or turn.rows is not rows:
            self._turn = turn = Turn(rows, now, config, tenant)
        else:
            turn.begin(now, config, tenant, key_part(tenant))
        return decide.decide_event(turn, event)

    def released(self, rows: Rows) -> None:
        """The turn that is used again holds the rows of the partition that was decided last."""
        if self._turn is not None and self._turn.rows is rows:
            self._turn = None

    def decide_timer(self, key: str, rows: Rows, now: int) -> Iterable[Decision]:
        tenant = getattr(rows.get(key), "tenant", None)
        config = self._config(tenant)
        if self._turn is None or self._turn.rows is not rows:
            return decide.fire(key, rows, now, config)
        return decide.fire_timer(self._turn, now, config, key)

    def resumed(self, rows: Rows, since: int, until: int) -> Iterable[Output]:
        """Replies that could not be read are not late: open expectations get the silence as grace."""
        note_gap(rows, since, until)
        return ()
