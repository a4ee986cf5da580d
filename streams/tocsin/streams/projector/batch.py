"""One batch of records: its rows and its offsets in one transaction, so that each record counts once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Connection, delete

from tocsin.connectors.redaction import Redaction
from tocsin.connectors.store.tables import problems
from tocsin.connectors.store.text import storable
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.events import (
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemSuppressed,
)
from tocsin.streams.projector.changes import Changes
from tocsin.streams.projector.erasures import Erased, remember, remember_ids, told_in
from tocsin.streams.projector.looking import known_problems, next_offsets
from tocsin.streams.projector.rows import put_rows
from tocsin.streams.projector.statements import carry_out
from tocsin.streams.projector.taken import Known, Taken, Turn

_log = structlog.get_logger("tocsin.projector")

UNPROJECTABLE = "unprojectable"
"""The reason of a record that can be read, and of which no rows can be made."""
KEPT_DETAIL = 500

Place = tuple[str, int]


class Overtaken(TocsinError):
    """Another projector has gone on from where this one stood: what it holds in memory is void."""


@dataclass(slots=True)
class Applied:
    """What became of a batch: how many records, how many of them cannot be read by reason, how many are erased."""

    records: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)
    erased: int = 0
    rows: int = 0


def apply(
    connection: Connection,
    batch: Sequence[Taken],
    standing: Mapping[Place, int],
    redaction_of: Callable[[str], Redaction],
    passed: Callable[[str], None] = lambda place: None,
) -> Applied:
    """Take up the batch, which begins where the partitions are `standing` (0: at none of their records); in the order
    of each partition. `passed` is called at the places of engine/failpoints.py. Raises Overtaken, or what the database
    makes of a record that it does not take."""
    _check(connection, batch, standing)
    applied = Applied(records=len(batch))
    for taken in batch:
        if taken.topic == "settings" and (erasure := told_in(taken.event)) is not None:
            remember(connection, erasure)
    erasing = Erased(connection, batch)
    turn = Turn(Changes(), _known(connection, batch), redaction_of)
    bad: list[Taken] = []
    for taken in batch:
        if taken.reason:
            bad.append(taken)
        elif erasing and erasing.hides(taken):
            applied.erased += 1
        elif (why := _refused(turn, taken)) is not None:
            bad.append(why)
    passed("rows_made")
    for name, rows in turn.changes.runs():
        carry_out(connection, name, rows)
        applied.rows += len(rows)
    _forget(connection, erasing)
    _note(connection, bad)
    for one in bad:
        applied.unreadable[one.reason] = applied.unreadable.get(one.reason, 0) + 1
    passed("rows_written")
    _advance(connection, batch)
    passed("offsets_written")
    return applied


def standing_of(connection: Connection) -> dict[Place, int]:
    """Where each partition goes on."""
    return {(topic, partition): following for topic, partition, following in next_offsets(connection)}


def restart_at(connection: Connection, places: Mapping[Place, int]) -> None:
    """Go on elsewhere: where a topic was made again, or begins later by now."""
    rows = [
        {"topic": topic, "partition": partition, "next": following, "timestamp": 0}
        for (topic, partition), following in places.items()
    ]
    if rows:
        carry_out(connection, "offset", rows)


def _check(connection: Connection, batch: Sequence[Taken], standing: Mapping[Place, int]) -> None:
    places = {taken.place for taken in batch}
    found = standing_of(connection)
    for place in places:
        if found.get(place, 0) != standing.get(place, 0):
            raise Overtaken(f"{place[0]}/{place[1]} stands at {found.get(place, 0)}, not at {standing.get(place, 0)}")


def _known(connection: Connection, batch: Sequence[Taken]) -> Known:
    wanted = set[tuple[str, str]]()
    for taken in batch:
        match taken.event:
            case ProblemReported() as event:
                wanted.add((event.tenant, storable(event.event_id)))
            case ProblemOpened() | ProblemRepeated() | ProblemSuppressed() as event:
                wanted.add((event.tenant, storable(event.report)))
    known = Known()
    for tenant, problem, known_by, decided_at in known_problems(connection, wanted):
        known.reported[tenant, problem] = known_by
        if decided_at is not None:
            known.decided.add((tenant, problem))
    return known


def _refused(turn: Turn, taken: Taken) -> Taken | None:
    try:
        put_rows(turn, taken)
    except Exception as error:
        # any exception: one record must not stop those behind it; it is counted, and its place is kept
        _log.exception("record not projected", topic=taken.topic, partition=taken.partition, offset=taken.offset)
        return refused(taken, error)
    return None


def refused(taken: Taken, error: Exception) -> Taken:
    """The record as one that cannot be taken up. The detail names the kind of error alone: its text may quote."""
    return Taken(
        taken.topic, taken.partition, taken.offset, taken.timestamp, taken.key, b"",
        reason=UNPROJECTABLE, detail=type(error).__name__,
    )  # fmt: skip


def _forget(connection: Connection, erasing: Erased) -> None:
    """What came before the record by which it is known that it is erased."""
    for tenant in {tenant for tenant, _ in erasing.newly}:
        ids = sorted(one for owner, one in erasing.newly if owner == tenant)
        remember_ids(connection, tenant, ids)
        connection.execute(delete(problems).where(problems.c.tenant == tenant, problems.c.id.in_(ids)))


def _note(connection: Connection, bad: Collection[Taken]) -> None:
    if not bad:
        return
    rows: list[dict[str, Any]] = [
        {
            "topic": one.topic, "partition": one.partition, "offset": one.offset, "reason": one.reason,
            "detail": storable(one.detail)[:KEPT_DETAIL], "timestamp": one.timestamp,
        }
        for one in bad
    ]  # fmt: skip
    carry_out(connection, "unreadable", rows)


def _advance(connection: Connection, batch: Sequence[Taken]) -> None:
    last = {taken.place: taken for taken in batch}
    rows = [
        {"topic": one.topic, "partition": one.partition, "next": one.offset + 1, "timestamp": one.timestamp}
        for one in last.values()
    ]
    if rows:
        carry_out(connection, "offset", rows)
