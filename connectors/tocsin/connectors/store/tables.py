"""The tables of the store. Every row is one tenant's, and its key begins with the tenant; `seq` is the order in which
problems came to be known.

Times are microseconds since the epoch (UTC), as in the events. What a column says comes from one topic alone, so that
the rows are the same in whatever order the topics are read (docs/store.md#how-a-row-is-made).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)  # fmt: skip

from tocsin.connectors.store.columns import COUNTER, METADATA, TEXT, key, links, texts, times
from tocsin.connectors.store.loops import stopped_index

problems = Table(
    "problems",
    METADATA,
    Column("seq", COUNTER, primary_key=True, autoincrement=True),
    Column("tenant", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
    # 0: known by its decision alone; 1: by what was told of it; 2: by its report
    Column("known_by", SmallInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    *times("occurred_at"),
    *texts("code", "code_key", "dialect", "severity", "title", "service", "wallet"),
    *texts("thread_id", "parent_thread_id", "message_id", "connection", "sender", "record_type", "record_id", "job"),
    Column("conformant", Boolean),
    Column("document", LargeBinary),
    Column("raw", LargeBinary),
    *texts("raw_media_type", "traceparent", "words"),
    # what became of it
    *texts("case_id", "decision", "decision_id", "reason", "survivor", "detail", "unrouted_to"),
    *times("decided_at", "context_at"),
    Column("context", LargeBinary),
    *texts("context_thread", "context_connection", "context_record_type", "context_record_id", "state", "state_after"),
    Column("trust", TEXT),
    UniqueConstraint("tenant", "id"),
    Index("problems_at", "tenant", "at", "id"),
    Index("problems_code_at", "tenant", "code_key", "at", "id"),
    stopped_index(),
    links("problems", "case_id"),
    links("problems", "thread_id"),
    links("problems", "connection"),
    links("problems", "sender"),
    links("problems", "record_id", "record_type"),
    links("problems", "context_thread"),
    links("problems", "context_connection"),
    links("problems", "context_record_id", "context_record_type"),
)

cases = Table(
    "cases",
    METADATA,
    key("tenant"),
    key("id"),
    *times("opened_at", "reopened_at", "at", "resolved_at"),
    Column("count", BigInteger),
    *texts("code", "code_key", "severity", "title", "dialect", "first_report", "last_report"),
    *texts("thread_id", "connection", "record_type", "record_id", "resolved_by", "resolved_why"),
    # by the topic `escalations`
    *texts("policy", "escalation", "acknowledged_by", "acknowledged_why", "snoozed_by"),
    Column("step", Integer),
    *times("escalated_at", "acknowledged_at", "snoozed_at", "snoozed_until"),
    Column("trust", TEXT),
    Index("cases_at", "tenant", "at", "id"),
    Index(
        "cases_open_at",
        "tenant",
        "at",
        "id",
        sqlite_where=text("resolved_at IS NULL"),
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

case_events = Table(
    "case_events",
    METADATA,
    key("tenant"),
    key("id"),
    Column("case_id", TEXT, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", TEXT, nullable=False),
    *texts("report", "thread_id", "connection", "by", "why"),
    Column("detail", LargeBinary),
    Index("case_events_case_at", "tenant", "case_id", "at", "id"),
    links("case_events", "thread_id"),
    links("case_events", "connection"),
)

activity = Table(
    "activity",
    METADATA,
    key("tenant"),
    key("id"),
    Column("at", BigInteger, nullable=False),
    *times("occurred_at"),
    Column("kind", TEXT, nullable=False),
    *texts("message_id", "message_type", "thread_id", "parent_thread_id", "connection", "trust"),
    *texts("record_type", "record_id", "record_state", "job"),
    Column("detail", LargeBinary),
    Index("activity_at", "tenant", "at", "id"),
    links("activity", "thread_id"),
    links("activity", "connection"),
    links("activity", "record_id", "record_type"),
)

records = Table(
    "records",
    METADATA,
    key("tenant"),
    key("type"),
    key("id"),
    Column("first_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("last_id", TEXT, nullable=False),
    *texts("state", "thread_id", "connection"),
    Index("records_at", "tenant", "at"),
)

connections = Table(
    "connections",
    METADATA,
    key("tenant"),
    key("id"),
    Column("first_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("last_id", TEXT, nullable=False),
    *texts("trust", "peer"),
    Index("connections_at", "tenant", "at", "id"),
)

deliveries = Table(
    "deliveries",
    METADATA,
    key("tenant"),
    key("id"),
    # by its request
    *texts("endpoint", "lane", "case_id", "about", "content_type"),
    Column("bytes", Integer),
    Column("replay", Integer),
    Column("at", BigInteger, nullable=False, server_default=text("0")),
    # by its outcomes
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    *texts("outcome", "reason"),
    Column("status", Integer),
    *times("ended_at", "delivered_at"),
    links("deliveries", "about"),
    links("deliveries", "case_id"),
    Index("deliveries_at", "tenant", "at", "id"),
)

attempts = Table(
    "attempts",
    METADATA,
    key("tenant"),
    key("delivery_id"),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("endpoint", TEXT),
    *times("started_at", "ended_at", "duration", "retry_after"),
    *texts("outcome", "reason"),
    Column("status", Integer),
    # of whichever is read first: for what is kept how long
    Column("at", BigInteger, nullable=False),
    Index("attempts_at", "tenant", "at"),
)

commands = Table(
    "commands",
    METADATA,
    key("tenant"),
    key("id"),
    Column("at", BigInteger, nullable=False, server_default=text("0")),
    *texts("kind", "target", "by", "why", "choice"),
    *times("until", "since"),
    # by the topic `answers`
    *texts("outcome", "case_id", "detail"),
    *times("answered_at"),
    Index("commands_at", "tenant", "at", "id"),
)

violations = Table(
    "violations",
    METADATA,
    key("tenant"),
    key("peer"),
    key("rule"),
    key("dialect"),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    *texts("pointer", "example"),
)

counts = Table(
    "counts",
    METADATA,
    key("tenant"),
    key("kind"),
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    key("name"),
    Column("count", BigInteger, nullable=False),
)

silences = Table(
    "silences",
    METADATA,
    key("tenant"),
    key("id"),
    Column("matchers", LargeBinary),
    Column("at", BigInteger, nullable=False),
    *times("starts_at", "ends_at"),
    *texts("by", "why"),
    Column("removed", Boolean, nullable=False),
    Index("silences_at", "tenant", "at", "id"),
)

dead_letters = Table(
    "dead_letters",
    METADATA,
    key("tenant"),
    key("id"),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    *texts("reason", "stage", "topic", "origin", "detail", "type", "event_id", "endpoint"),
    Column("bytes", Integer, nullable=False),
    Index("dead_letters_at", "tenant", "at", "id"),
    links("dead_letters", "event_id"),
)

audit = Table(
    "audit",
    METADATA,
    key("tenant"),
    key("id"),
    Column("at", BigInteger, nullable=False),
    *texts("action", "credential", "who", "key", "target", "address", "outcome", "reason", "request_id", "cause"),
    Column("status", Integer),
    Column("count", Integer),
    Index("audit_at", "tenant", "at", "id"),
)

erasures = Table(
    "erasures",
    METADATA,
    key("tenant"),
    # SHA-256 of the subject; empty: all of the tenant
    key("subject"),
    Column("before", BigInteger, nullable=False),
    Column("by", TEXT, nullable=False),
)

erased = Table("erased", METADATA, key("tenant"), key("id"))
"""Ids of what was erased: what follows from it in the log is not taken up again."""

offsets = Table(
    "offsets",
    METADATA,
    key("topic"),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
    # of the last record, in milliseconds
    Column("timestamp", BigInteger, nullable=False),
)

unreadable = Table(
    "unreadable",
    METADATA,
    key("topic"),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)
"""Records that could not be taken up: nothing of them is in the other tables."""

OWNED: tuple[Table, ...] = (
    problems, cases, case_events, activity, records, connections, deliveries, attempts, commands, violations, counts,
    silences, dead_letters, audit,
)  # fmt: skip
"""The tables with rows of tenants: made from the log, and made anew from it."""
