"""What a rule is given: the rows, the time and the configuration of one event or timer; and what it decides."""

from __future__ import annotations

from tocsin.schemas.events import Event
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import INBOX, DeadLetter, Decision, Emit
from tocsin.streams.rules.state import (
    CaseRow,
    ConnectionErrorsRow,
    ConnectionRow,
    DigestRow,
    ErrorsRow,
    EscalationRow,
    ExpectationRow,
    InhibitRow,
    KeptCommand,
    LatencyRow,
    PeerRow,
    ReaderRow,
    ReferenceRow,
    ReminderRow,
    ReplayRow,
    SeenRow,
    ThreadErrorsRow,
    ThreadRow,
    TriesRow,
)
from tocsin.streams.rules.state.keys import key_part
from tocsin.streams.rules.state.tables import ContextTable, Table


class Turn:
    """One event of `inbox`, or one timer, being decided. `now` is in microseconds; `decisions` are written in their
    order. `scope` is the tenant as row keys spell it, `limits` are the thresholds of the loop rules that hold for it.

    Each kind of row is a Table: `turn.cases.find(case)`; `key = turn.threads.key(thread_id)`, `turn.threads.get(key)`.
    A turn may be used for one event after another of the same rows (`begin`): its tables are then made once.
    """

    __slots__ = (
        "cases", "config", "connection_errors", "connections", "decisions", "digests", "errors",
        "escalations", "expectations", "inhibitions", "kept", "latencies", "limits", "now", "peers",
        "readers", "references", "reminders", "replays", "rows", "scope", "seen", "tenant", "thread_errors", "threads",
        "tries",
    )  # fmt: skip

    def __init__(self, rows: Rows, now: int, config: DecideConfig, tenant: str) -> None:
        self.rows = rows
        self.cases = Table(self, CaseRow, "case")
        self.connection_errors = Table(self, ConnectionErrorsRow, "connection_errors")
        self.connections = ContextTable(self, ConnectionRow, "connection")
        self.digests = Table(self, DigestRow, "digest")
        self.errors = Table(self, ErrorsRow, "errors")
        self.escalations = Table(self, EscalationRow, "escalation")
        self.expectations = Table(self, ExpectationRow, "expectation")
        self.inhibitions = Table(self, InhibitRow, "inhibit")
        self.kept = Table(self, KeptCommand, "kept")
        self.latencies = Table(self, LatencyRow, "latency")
        self.peers = Table(self, PeerRow, "peer")
        self.readers = ContextTable(self, ReaderRow, "reader")
        self.references = ContextTable(self, ReferenceRow, "reference")
        self.reminders = Table(self, ReminderRow, "reminder")
        self.replays = Table(self, ReplayRow, "replay")
        self.seen = Table(self, SeenRow, "seen")
        self.thread_errors = Table(self, ThreadErrorsRow, "thread_errors")
        self.threads = ContextTable(self, ThreadRow, "thread")
        self.tries = Table(self, TriesRow, "tries")
        self.begin(now, config, tenant, key_part(tenant))

    def begin(self, now: int, config: DecideConfig, tenant: str, scope: str) -> None:
        """Turn to the next event or timer; the decisions are a new list."""
        self.now, self.config, self.tenant, self.scope = now, config, tenant, scope
        self.decisions: list[Decision] = []
        self.limits = config.book.limits_of(tenant)

    @property
    def rows_full(self) -> bool:
        """Whether the tenant has as many rows as it may have: what only explains is then not remembered."""
        allowed = self.limits.tenant_rows
        return 0 < allowed <= self.rows.rows_of(self.scope)

    @property
    def cases_full(self) -> bool:
        """Whether as many cases of the tenant are open as may be: then none is opened."""
        allowed = self.limits.tenant_cases
        return 0 < allowed <= self.rows.open_of(self.scope)

    def emit(self, topic: str, key: str, event: Event) -> None:
        """Decide one event for a topic; `key` decides its partition."""
        self.decisions.append(Emit(topic, key, event))

    def dead_letter(self, reason: str, detail: str, event: Event | None = None) -> None:
        """Give up on an event of the inbox; None stands for the record that is being decided."""
        key = self.tenant if event is None else event.tenant
        self.decisions.append(
            DeadLetter(stage="decide", reason=reason, detail=detail, topic=INBOX, key=key, event=event)
        )
