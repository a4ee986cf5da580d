"""The statements that change rows, by name. Each is an upsert that may be carried out again and again; what is said of
the order of topics in docs/store.md#how-a-row-is-made stands in the conditions here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    Connection,
    Dialect,
    Executable,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from tocsin.connectors.store.tables import (
    activity,
    attempts,
    audit,
    case_events,
    cases,
    commands,
    connections,
    counts,
    dead_letters,
    deliveries,
    erased,
    erasures,
    offsets,
    problems,
    records,
    silences,
    unreadable,
    violations,
)  # fmt: skip

CONTENT = (
    "at", "occurred_at", "code", "code_key", "dialect", "severity", "title", "service", "wallet", "thread_id",
    "parent_thread_id", "message_id", "connection", "sender", "record_type", "record_id", "job", "conformant",
    "document", "raw", "raw_media_type", "traceparent", "words", "trust",
)  # fmt: skip
"""What a report says."""
DECISION = ("case_id", "decision", "decision_id", "reason", "survivor", "detail", "decided_at")
CONTEXT = (
    "context_at", "context", "context_thread", "context_connection", "context_record_type", "context_record_id",
    "state", "state_after",
)  # fmt: skip
CASE = (
    "code", "code_key", "severity", "title", "dialect", "last_report", "resolved_at", "resolved_by", "resolved_why",
    "trust",
)  # fmt: skip
CASE_IS_ABOUT = ("thread_id", "connection", "record_type", "record_id")
"""What the last report that names it says."""
DIGESTED = ("code", "code_key", *CASE_IS_ABOUT)
"""What a digest says of a case, where nothing else has said it: it comes from another partition, before or after."""
ESCALATION = (
    "policy", "escalation", "step", "acknowledged_at", "acknowledged_by", "acknowledged_why", "snoozed_at",
    "snoozed_until", "snoozed_by",
)  # fmt: skip
REQUEST = ("endpoint", "lane", "case_id", "about", "content_type", "bytes", "replay", "at")
OUTCOME = ("attempts", "outcome", "reason", "status", "ended_at")
ENDED = ("ended_at", "duration", "retry_after", "outcome", "reason", "status")
COMMAND = ("at", "kind", "target", "by", "why", "choice", "until", "since")
ANSWER = ("outcome", "case_id", "detail", "answered_at")

Build = Callable[["Upserts"], Executable]


class Upserts:
    """Makes upserts of one database; both spell them alike."""

    def __init__(self, dialect: str) -> None:
        self._insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert

    def into(
        self,
        table: Table,
        keys: Iterable[str],
        columns: Iterable[str],
        *,
        only: Iterable[str] = (),
        keep: Iterable[str] = (),
        fill: Iterable[str] = (),
        where: Callable[[Any, Any], Any] | None = None,
        **special: Callable[[Any, Any], Any],
    ) -> Executable:
        """Insert, or replace these columns: those in `special` by what that makes of the old row and the new one,
        `only` at the insert, `keep` unless they are null now, `fill` where they were null; and all only `where` it is
        so."""
        keys, columns = tuple(keys), tuple(columns)
        special |= {name: unless_null(name) for name in keep} | {name: kept(name) for name in fill}
        names = (*keys, *columns, *special, *only)
        statement = self._insert(table).values({name: _bind(table, name) for name in dict.fromkeys(names)})
        new = statement.excluded
        changes = {name: new[name] for name in columns} | {name: make(table.c, new) for name, make in special.items()}
        if not changes:
            return statement.on_conflict_do_nothing(index_elements=keys)  # type: ignore[no-any-return]
        condition = None if where is None else where(table.c, new)
        return statement.on_conflict_do_update(index_elements=keys, set_=changes, where=condition)  # type: ignore[no-any-return]


def _bind(table: Table, name: str) -> Any:
    return bindparam(name, type_=table.c[name].type)


def kept(name: str) -> Callable[[Any, Any], Any]:
    """The old value, or the new one where there was none."""
    return lambda old, new: func.coalesce(old[name], new[name])


def unless_null(name: str) -> Callable[[Any, Any], Any]:
    """The new value, or the old one where there is none."""
    return lambda old, new: func.coalesce(new[name], old[name])


def least(name: str) -> Callable[[Any, Any], Any]:
    """The smaller value; null is none."""
    return lambda old, new: case((or_(old[name].is_(None), new[name] < old[name]), new[name]), else_=old[name])


def greatest(name: str) -> Callable[[Any, Any], Any]:
    """The larger value; null is none."""
    return lambda old, new: case((or_(old[name].is_(None), new[name] > old[name]), new[name]), else_=old[name])


def _newer(old: Any, new: Any) -> Any:
    return tuple_(new.at, new.last_id) >= tuple_(old.at, old.last_id)


def of_newer(name: str) -> Callable[[Any, Any], Any]:
    """What the newer of both rows says, if it says anything."""
    return lambda old, new: case(
        (_newer(old, new), func.coalesce(new[name], old[name])), else_=func.coalesce(old[name], new[name])
    )


def _place_of_newer(name: str) -> Callable[[Any, Any], Any]:
    return lambda old, new: case((_newer(old, new), new[name]), else_=old[name])


def _sum(old: Any, new: Any) -> Any:
    return func.coalesce(old["count"], literal_column("0")) + new["count"]


def _of_last(name: str) -> Callable[[Any, Any], Any]:
    return lambda old, new: case(
        (tuple_(new.last_at, new.example) >= tuple_(old.last_at, old.example), new[name]), else_=old[name]
    )


def _until_it_is_reported(old: Any, new: Any) -> Any:
    """The time of a problem of which only its decision or context is known: the earliest, however batches are cut."""
    return case((and_(old.known_by == literal_column("0"), new.at < old.at), new.at), else_=old.at)


OWN = ("tenant", "id")
_DECIDED_EARLIER: Callable[[Any, Any], Any] = lambda old, new: or_(  # noqa: E731
    old.decided_at.is_(None),
    tuple_(new.decided_at, new.decision_id) < tuple_(old.decided_at, old.decision_id),
)
_EVENT = tuple(column.name for column in case_events.c if column.name not in OWN)
_ACTIVITY = tuple(column.name for column in activity.c if column.name not in OWN)
_AUDIT = tuple(column.name for column in audit.c if column.name not in OWN)
_LETTER = tuple(column.name for column in dead_letters.c if column.name not in OWN)
_SILENCE = tuple(column.name for column in silences.c if column.name not in OWN)

BUILDS: Mapping[str, Build] = {
    "report": lambda up: up.into(
        problems, OWN, ("known_by", *CONTENT), where=lambda old, new: old.known_by < literal_column("2")
    ),
    "told": lambda up: up.into(
        problems, OWN, ("known_by", *CONTENT), where=lambda old, new: old.known_by < literal_column("1")
    ),
    "decision": lambda up: up.into(
        problems, OWN, DECISION, only=("known_by",), where=_DECIDED_EARLIER, at=_until_it_is_reported
    ),
    "context": lambda up: up.into(
        problems,
        OWN,
        CONTEXT,
        only=("known_by",),
        at=_until_it_is_reported,
        where=lambda old, new: or_(old.context_at.is_(None), new.context_at >= old.context_at),
    ),
    "unrouted": lambda up: up.into(problems, OWN, ("unrouted_to",), only=("known_by",), at=_until_it_is_reported),
    "case": lambda up: up.into(
        cases,
        OWN,
        CASE,
        keep=CASE_IS_ABOUT,
        at=greatest("at"),
        count=_sum,
        opened_at=least("opened_at"),
        first_report=kept("first_report"),
        reopened_at=unless_null("reopened_at"),
    ),
    "again": lambda up: up.into(cases, OWN, (), at=greatest("at"), count=_sum),
    "digested": lambda up: up.into(cases, OWN, (), opened_at=least("opened_at"), fill=DIGESTED),
    "resolved": lambda up: up.into(cases, OWN, ("resolved_at", "resolved_by", "resolved_why")),
    "severity": lambda up: up.into(cases, OWN, ("severity",)),
    "raised": lambda up: up.into(cases, OWN, ("policy", "escalation", "escalated_at", "step")),
    "escalation": lambda up: up.into(cases, OWN, (), keep=ESCALATION),
    "case_event": lambda up: up.into(case_events, OWN, (), only=_EVENT),
    "activity": lambda up: up.into(activity, OWN, (), only=_ACTIVITY),
    "record": lambda up: up.into(
        records,
        ("tenant", "type", "id"),
        (),
        first_at=least("first_at"),
        at=_place_of_newer("at"),
        last_id=_place_of_newer("last_id"),
        state=of_newer("state"),
        thread_id=of_newer("thread_id"),
        connection=of_newer("connection"),
    ),
    "connection": lambda up: up.into(
        connections,
        OWN,
        (),
        first_at=least("first_at"),
        at=_place_of_newer("at"),
        last_id=_place_of_newer("last_id"),
        trust=of_newer("trust"),
        peer=of_newer("peer"),
    ),
    "requested": lambda up: up.into(deliveries, OWN, REQUEST),
    "outcome": lambda up: up.into(
        deliveries,
        OWN,
        OUTCOME,
        delivered_at=kept("delivered_at"),
        where=lambda old, new: new.attempts >= old.attempts,
    ),
    "attempt": lambda up: up.into(
        attempts,
        ("tenant", "delivery_id", "attempt"),
        ("endpoint",),
        started_at=least("started_at"),
        at=least("at"),
    ),
    "ended": lambda up: up.into(attempts, ("tenant", "delivery_id", "attempt"), ("endpoint", *ENDED), at=least("at")),
    "command": lambda up: up.into(commands, OWN, COMMAND),
    "answer": lambda up: up.into(commands, OWN, ANSWER),
    "violation": lambda up: up.into(
        violations,
        ("tenant", "peer", "rule", "dialect", "day"),
        (),
        count=_sum,
        first_at=least("first_at"),
        last_at=greatest("last_at"),
        example=_of_last("example"),
        pointer=_of_last("pointer"),
    ),
    "count": lambda up: up.into(counts, ("tenant", "kind", "hour", "name"), (), count=_sum),
    "silence": lambda up: up.into(silences, OWN, _SILENCE),
    "silence_gone": lambda up: delete(silences).where(silences.c.id == _bind(silences, "id")),
    "dead_letter": lambda up: up.into(dead_letters, OWN, _LETTER),
    "audited": lambda up: up.into(audit, OWN, (), only=_AUDIT),
    "offset": lambda up: up.into(offsets, ("topic", "partition"), ("next", "timestamp")),
    "unreadable": lambda up: up.into(unreadable, ("topic", "partition", "offset"), ("reason", "detail", "timestamp")),
    "erasure": lambda up: up.into(erasures, ("tenant", "subject"), ("by",), before=greatest("before")),
    "erased": lambda up: up.into(erased, OWN, ()),
}
"""Name -> how the statement is built."""


def carry_out(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Carry out the statement of this name with each of the rows."""
    text, values = _spelled(name, connection.dialect)
    # as the driver takes it: what SQLAlchemy does with each value comes to nothing here, and costs time
    connection.exec_driver_sql(text, [values(row) for row in rows])


@lru_cache(maxsize=4 * len(BUILDS))
def _spelled(name: str, dialect: Dialect) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """The statement's text, and what takes its values from a row."""
    _, text, names = compiled(name, dialect)
    return text, itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)


def compiled(name: str, dialect: Dialect) -> tuple[Table, str, tuple[str, ...]]:
    """What the statement of this name changes, its text, and the members that it takes of a row: no others."""
    statement = cast(Any, BUILDS[name](Upserts(dialect.name)))
    spelled = statement.compile(dialect=dialect)
    return statement.table, str(spelled), tuple(spelled.positiontup)
