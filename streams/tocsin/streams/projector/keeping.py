"""How long rows are kept: days by kind, for every tenant or for one. And the store made empty, to be made anew."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, or_, select, text, tuple_

from tocsin.connectors.store.queries.numbers import DAY
from tocsin.connectors.store.tables import (
    OWNED,
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
    offsets,
    problems,
    records,
    silences,
    unreadable,
    violations,
)  # fmt: skip

KINDS: Mapping[str, tuple[Table, ...]] = {
    "problems": (problems, cases, case_events),
    "activity": (activity, records, connections),
    "deliveries": (deliveries, attempts),
    "commands": (commands, audit, silences),
    "counts": (counts, violations),
    "dead": (dead_letters,),
}
"""What may be kept for how long -> its tables."""

DEFAULT_DAYS: Mapping[str, int] = {
    "problems": 90, "activity": 90, "deliveries": 90, "commands": 365, "counts": 400, "dead": 90,
}  # fmt: skip

AT_ONCE = 2000
"""Rows that one transaction deletes: others write in between."""

_PART = re.compile(r"(?:(?P<tenant>[A-Za-z0-9._-]{1,64}):)?(?P<kind>[a-z]+)=(?P<days>[0-9]{1,5})")


class Keeping(Struct, frozen=True):
    """Days by kind, and by tenant and kind where a tenant has its own."""

    days: Mapping[str, int]
    of_tenants: Mapping[str, Mapping[str, int]]


def keeping_of(text: str) -> Keeping:
    """As TOCSIN_STORE_DAYS says: `problems=90,acme:problems=365`. Raises ValueError."""
    days, tenants = dict(DEFAULT_DAYS), dict[str, dict[str, int]]()
    for part in filter(None, map(str.strip, text.split(","))):
        found = _PART.fullmatch(part)
        if found is None or found["kind"] not in KINDS or not int(found["days"]):
            raise ValueError(
                f"{part[:60]!r}: expected KIND=DAYS or TENANT:KIND=DAYS, of {', '.join(KINDS)}, 1 day or more"
            )
        if found["tenant"] is None:
            days[found["kind"]] = int(found["days"])
        else:
            tenants.setdefault(found["tenant"], {})[found["kind"]] = int(found["days"])
    return Keeping(days, tenants)


def too_old(kind: str, table: Table, keeping: Keeping, now: int) -> ColumnElement[bool]:
    """Which rows of a table are older than their tenant keeps them."""
    at: ColumnElement[int] = table.c["day" if table is violations else "hour" if table is counts else "at"]
    if table is cases:  # of some only an escalation or an end was ever read
        at = func.coalesce(cases.c.at, cases.c.resolved_at, cases.c.escalated_at, 0)
    own = {tenant: days[kind] for tenant, days in keeping.of_tenants.items() if kind in days}
    parts = [and_(table.c.tenant.not_in(own), at < now - keeping.days[kind] * DAY)]
    parts += [and_(table.c.tenant == tenant, at < now - days * DAY) for tenant, days in own.items()]
    old: ColumnElement[bool] = or_(*parts)
    if table is cases:  # of what is open still, people must know
        ended = or_(cases.c.resolved_at.is_not(None), cases.c.opened_at.is_(None))
        old = and_(old, or_(ended, at < now - 4 * keeping.days[kind] * DAY))
    return old


def forget_old(connection: Connection, kind: str, table: Table, keeping: Keeping, now: int) -> int:
    """Delete some of the rows that are too old; how many: fewer than AT_ONCE when there are no more."""
    key = tuple_(*(table.c[column.name] for column in table.primary_key))
    some = select(*table.primary_key).where(too_old(kind, table, keeping, now)).limit(AT_ONCE)
    return connection.execute(delete(table).where(key.in_(some))).rowcount


def empty(connection: Connection) -> None:
    """Nothing is there any more but what was erased, and must not come again."""
    tables = (*OWNED, unreadable, offsets)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"TRUNCATE {', '.join(table.name for table in tables)}"))
        return
    # without its triggers SQLite forgets a table at once, and not row by row
    triggers = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'problems'")
    ).all()
    for name, _ in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))
    for table in tables:
        connection.execute(delete(table))
    connection.execute(text("INSERT INTO problems_words (problems_words) VALUES ('delete-all')"))
    for _, made_by in triggers:
        connection.exec_driver_sql(made_by)
