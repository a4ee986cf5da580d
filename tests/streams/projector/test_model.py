"""The store equals what the log says, however it is read: whatever the order of the topics, whatever the batches, with
transactions that fail half way, and with records that are read twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from tests.harness.projected import TIME, Log, dump, log_of, nothing_more, reported_once, stories
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import Database, database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.tables import cases, problems
from tocsin.schemas.codec import encode
from tocsin.schemas.events import (
    DigestedCase,
    Event,
    ProblemExplained,
    ProblemOpened,
    ProblemsDigested,
    ProblemSuppressed,
    ThreadContext,
)
from tocsin.schemas.problem import Problem
from tocsin.streams.projector.batch import Overtaken, apply, standing_of
from tocsin.streams.projector.keeping import empty
from tocsin.streams.projector.taken import Taken

PLACES = ("rows_made", "rows_written", "offsets_written")


class Killed(Exception):
    """Where a process would have been killed."""


def killed_at(place: str | None) -> Callable[[str], None]:
    def passed(here: str) -> None:
        if here == place:
            raise Killed

    return passed


async def take(database: Database, batch: list[Taken], standing: dict[tuple[str, int], int], kill: str | None) -> None:
    """Take a batch up as a process does that may be killed and, started again, goes on from what the store says."""
    if kill is not None:
        with pytest.raises(Killed):
            await database.write(lambda c: apply(c, batch, standing, nothing_more, killed_at(kill)))
    standing = await database.read(standing_of)
    await database.write(lambda c: apply(c, batch, standing, nothing_more))


async def recomputed(database: Database, log: Log) -> dict[str, list[tuple[object, ...]]]:
    """What the whole log makes, one partition after the other, a record at a time."""

    def compute(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
        empty(connection)
        for place, records in sorted(log.items()):
            for taken in records:
                apply(connection, [taken], {place: taken.offset}, nothing_more)
        return dump(connection)

    return await database.write(compute)


async def read_somehow(database: Database, log: Log, data: st.DataObject) -> None:
    """Read the log in batches of several partitions, in any order."""
    at = dict.fromkeys(log, 0)
    while left := [place for place in sorted(log) if at[place] < len(log[place])]:
        batch: list[Taken] = []
        standing = dict(at)
        for place in data.draw(st.lists(st.sampled_from(left), min_size=1, unique=True)):
            number = data.draw(st.integers(1, 8))
            batch += log[place][at[place] : at[place] + number]
            at[place] = min(len(log[place]), at[place] + number)
        await take(database, batch, standing, data.draw(st.sampled_from([None, None, *PLACES])))


def test_however_the_log_is_cut_the_rows_are_those_of_a_recomputation(address: str) -> None:
    with asyncio.Runner() as runner:
        database = database_of(address_of(address), make=True)
        runner.run(database.write(migrate))

        @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
        @given(events=stories(), data=st.data())
        def check(events: list[tuple[str, str, Event]], data: st.DataObject) -> None:
            runner.run(compared(database, log_of(events), data))

        try:
            check()
        finally:
            runner.run(database.close())


async def compared(database: Database, log: Log, data: st.DataObject) -> None:
    await database.write(empty)
    await read_somehow(database, log, data)
    found = await database.read(dump)
    for table, rows in (await recomputed(database, log)).items():
        assert found[table] == rows, table


async def test_a_batch_that_another_projector_has_taken_up_changes_nothing(address: str) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    log = log_of(reported_once())
    place, records = next(iter(log.items()))
    await database.write(lambda c: apply(c, records, {place: 0}, nothing_more))
    before = await database.read(dump)
    with pytest.raises(Overtaken):
        await database.write(lambda c: apply(c, records, {place: 0}, nothing_more))
    assert await database.read(dump) == before
    assert before["counts"], "what is summed up would have shown it"
    await database.close()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["as they were decided", "the other way round"])
async def test_of_two_decisions_in_two_partitions_the_earlier_one_stands(address: str, order: tuple[int, int]) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    for place, taken in [list(two_decisions().items())[number] for number in order]:
        await database.write(lambda c: apply(c, taken, {place: 0}, nothing_more))  # noqa: B023
    [row] = (await database.read(dump))["problems"]
    assert ("case1" in row, "case2" in row) == (True, False)
    await database.close()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the digest first", "the digest last"])
async def test_a_digest_of_another_partition_makes_the_same_case(address: str, order: tuple[int, int]) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    log = log_of(digested_and_told())
    assert len(log) == 2
    for place, taken in [list(log.items())[number] for number in order]:
        await database.write(lambda c: apply(c, taken, {place: 0}, nothing_more))  # noqa: B023
    found = await database.read(dump)
    assert found["cases"] == (await recomputed(database, log))["cases"]
    assert await database.write(lambda c: c.execute(select(cases.c.connection)).scalar_one()) == "c-1"
    await database.close()


def digested_and_told() -> list[tuple[str, str, Event]]:
    """A case that a digest says the connection of, and its last report does not."""
    base: dict[str, Any] = {"tenant": "a", "occurred_at": TIME, "recorded_at": TIME}
    listed = DigestedCase(case="case1", code="e.p.job", count=1, last_report="report", connection="c-1")
    digest = ProblemsDigested(
        event_id="d", group="g", why="group", since=TIME, until=TIME, count=1, cases=[listed], endpoints=["e"], **base
    )
    told = ProblemOpened(
        event_id="o", case="case1", report="report", problem=Problem(dialect="canonical", code="e.p.job"),
        thread=ThreadContext(first_seen=TIME, last_seen=TIME), **base,
    )  # fmt: skip
    return [("problems", "g", digest), ("problems", "case1", told)]


CUTS = {"in one batch": [2], "each in its own": [1, 1]}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_a_problem_known_by_hearsay_has_its_earliest_time(address: str, cut: list[int]) -> None:
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    [(place, records)] = explained_and_suppressed().items()
    at = 0
    for number in cut:
        await database.write(lambda c: apply(c, records[at : at + number], {place: at}, nothing_more))  # noqa: B023
        at += number
    assert await database.read(lambda c: c.execute(select(problems.c.at)).scalar_one()) == TIME + 1
    await database.close()


def explained_and_suppressed() -> Log:
    """What was decided about a report that is not read yet."""
    base: dict[str, Any] = {"tenant": "a", "occurred_at": TIME, "report": "report", "case": "case1"}
    events: list[Event] = [
        ProblemExplained(
            event_id="e", recorded_at=TIME + 1, thread=ThreadContext(thread_id="t", first_seen=1, last_seen=2), **base
        ),
        ProblemSuppressed(event_id="s", recorded_at=TIME + 2, reason="identical", **base),
    ]
    return {
        ("problems", 1): [
            Taken("problems", 1, offset, TIME // 1000, b"", encode(event), event=event)
            for offset, event in enumerate(events)
        ]
    }


def two_decisions() -> Log:
    """The same report, suppressed twice under two cases; for each a partition."""
    log: Log = {}
    for number in (1, 2):
        event = ProblemSuppressed(
            event_id=f"s{number}", tenant="a", occurred_at=TIME, recorded_at=TIME + number, case=f"case{number}",
            report="report", reason="identical",
        )  # fmt: skip
        log["problems", number] = [Taken("problems", number, 0, TIME // 1000, b"", encode(event), event=event)]
    return log
