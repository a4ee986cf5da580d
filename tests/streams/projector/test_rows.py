"""Every event has its rows, or is said to have none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.harness.projected import TIME
from tests.harness.stored import problem, take_up, told_story
from tocsin.connectors.store import Filter, Store, address_of, status_of
from tocsin.schemas.events import (
    EVENTS,
    DigestedCase,
    Event,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemsDigested,
    ProblemSuppressed,
    ThreadContext,
)
from tocsin.streams.projector.rows import HANDLERS, TOPICS, WITHOUT_ROWS
from tocsin.streams.topology import TOPICS as ALL_TOPICS


def test_every_event_has_rows_or_is_said_to_have_none() -> None:
    assert {*HANDLERS, *WITHOUT_ROWS} == set(EVENTS.values())
    assert not set(HANDLERS) & set(WITHOUT_ROWS)


def test_every_topic_is_projected_but_the_changelogs() -> None:
    assert set(TOPICS) == {spec.name for spec in ALL_TOPICS if not spec.name.endswith("-changelog")}


async def test_a_report_that_is_a_thread_of_its_own_is_found_by_the_one_that_it_is_about(tmp_path: Path) -> None:
    """DIDComm v2: `pthid` names the thread, and `thid` is the id of the report; no activity said a word of either."""
    told = problem("busy", thread_id="m-9", parent_thread_id="t-9")
    store = f"sqlite:///{tmp_path / 'store.db'}"
    alone = [entry for entry in told_story("acme", "busy", told=told) if isinstance(entry[2], ProblemReported)]
    context = ThreadContext(thread_id="m-9", first_seen=TIME, last_seen=TIME)
    opened = ProblemOpened(
        event_id="o-9", case="case-9", report="p-1", problem=told, thread=context, tenant="acme", occurred_at=TIME,
        recorded_at=TIME,
    )  # fmt: skip
    await take_up(store, [*alone, ("problems", "case-9", opened)])
    async with Store(address_of(store)) as kept:
        reader = kept.reader("acme")
        for thread in ("m-9", "t-9"):
            assert [getattr(entry, "id", None) for entry in (await reader.thread(thread)).items] == ["p-1"], thread
            assert [line.id for line in (await reader.problems(Filter(thread=thread))).items] == ["p-1"], thread


def _suppressed(report: str, at: int, case: str | None = "case-1") -> tuple[str, str, Event]:
    event = ProblemSuppressed(
        event_id=f"s-{report}-{at}", case=case, report=report, reason="identical", tenant="acme", occurred_at=at,
        recorded_at=at,
    )  # fmt: skip
    return ("problems", "case-1", event)


async def test_a_case_counts_also_the_reports_of_which_nobody_was_told(tmp_path: Path) -> None:
    """Each once, however often it was decided; and it is as new as the last of them."""
    store = f"sqlite:///{tmp_path / 'store.db'}"
    thread = ThreadContext(first_seen=TIME, last_seen=TIME)
    same: dict[str, Any] = {"case": "case-1", "problem": problem("busy"), "thread": thread}
    repeated = ProblemRepeated(
        event_id="r-4", report="p-4", count=40, tenant="acme", occurred_at=TIME + 8, recorded_at=TIME + 8, **same
    )  # the rules have counted more: what was in the log before
    await take_up(
        store,
        [
            *told_story("acme", "busy"),
            _suppressed("p-2", TIME + 5),
            _suppressed("p-3", TIME + 6),
            _suppressed("p-3", TIME + 7),  # the same event came again
            ("problems", "case-1", repeated),
            _suppressed("p-5", TIME + 9),
            _suppressed("p-6", TIME + 10, case=None),
        ],
    )
    async with Store(address_of(store)) as kept:
        found = await kept.reader("acme").case("case-1")
    assert found is not None
    assert (found.row.count, found.row.opened_at, found.row.at) == (5, TIME, TIME + 9)
    assert len(found.problems.items) == 5


async def test_a_digest_that_is_told_opens_its_cases(tmp_path: Path) -> None:
    """Of a route that tells problems together nothing else does; a digest of which nobody is told opens none."""
    store = f"sqlite:///{tmp_path / 'store.db'}"

    def digest(name: str, case: str, endpoints: list[str]) -> tuple[str, str, Event]:
        listed = DigestedCase(case=case, code="e.p.job", count=2, last_report="p-2", connection="c-1")
        event = ProblemsDigested(
            event_id=name, group="g", why="group", since=TIME, until=TIME + 20, count=2, cases=[listed],
            endpoints=endpoints, tenant="acme", occurred_at=TIME + 20, recorded_at=TIME + 20,
        )  # fmt: skip
        return ("problems", "g", event)

    story = [_suppressed("p-1", TIME + 1), _suppressed("p-2", TIME + 2), _suppressed("p-3", TIME + 3, case="case-2")]
    await take_up(store, [*story, digest("d-1", "case-1", ["owner"]), digest("d-2", "case-2", [])])
    async with Store(address_of(store)) as kept:
        reader = kept.reader("acme")
        [row] = (await reader.cases()).items
        assert (row.id, row.code, row.connection, row.count) == ("case-1", "e.p.job", "c-1", 2)
        assert (row.opened_at, row.at) == (TIME + 20, TIME + 2)
        untold = await reader.case("case-2")
        assert untold is not None
        assert status_of(untold.row, TIME) == "untold"
