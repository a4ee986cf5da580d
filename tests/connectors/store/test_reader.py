"""What a reader is told, on both databases: the same questions, the same answers, and nothing of another tenant."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.harness.databases import new_database
from tests.harness.projected import STEPS, TIME, log_of, nothing_more
from tocsin.connectors.store import CursorInvalid, Filter, Reader, Store, address_of, status_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.queries.cases import CaseFilter
from tocsin.schemas.events import Event
from tocsin.schemas.problem import Problem
from tocsin.streams.projector.batch import apply

REPORTS = 24


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Twelve reports of each of two tenants, with all that may happen to them; nobody writes there."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path_factory.mktemp('reader') / 'store.db'}"
    else:
        address = new_database(request.getfixturevalue("postgres"))
    asyncio.run(fill(address))
    return address


async def fill(address: str) -> None:
    events: list[tuple[str, str, Event]] = []
    for number in range(REPORTS):
        base = {"tenant": f"tenant{number % 2}", "occurred_at": TIME + number, "recorded_at": TIME + number}
        for step in STEPS[1:]:
            events += step(number, f"report{number}", f"case{number % 6}", base)
    log = log_of(events)
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    for place in sorted(log):
        await database.write(lambda c: apply(c, log[place], {place: 0}, nothing_more))  # noqa: B023
    await database.close()


@pytest.fixture
async def store(filled: str) -> AsyncIterator[Store]:
    async with Store(address_of(filled)) as opened:
        yield opened


async def test_a_problem_is_told_whole(store: Store) -> None:
    found = await store.reader("tenant1").problem("report1")
    assert found is not None
    assert (found.code, found.case_id, found.decision, found.known_by) == ("e.p.xfer.n1", "case1", "opened", 2)
    assert (found.context_record_type, found.context_record_id, found.state) == (None, None, "done")
    assert msgspec.json.decode(found.document or b"", type=Problem).text == "Grüße 1"
    assert found.raw == b"{}"


async def test_pages_hold_each_problem_once_newest_first(store: Store) -> None:
    reader, seen, cursor = store.reader("tenant0"), list[str](), None
    while True:
        page = await reader.problems(cursor=cursor, limit=5)
        seen += [line.id for line in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [f"report{number}" for number in range(REPORTS - 2, -1, -2)]


FILTERS: dict[str, tuple[Filter, list[int]]] = {
    "a code": (Filter(code="e.p.xfer.n3"), [23, 19, 15, 11, 7, 3]),
    "the beginning of codes": (Filter(code="e.p.xfer"), list(range(23, 0, -2))),
    "not the beginning of a token": (Filter(code="e.p.xf"), []),
    "a connection": (Filter(connection="c1"), [19, 13, 7, 1]),
    "a thread, also by its context": (Filter(thread="late1"), list(range(23, 0, -2))),
    "a sender": (Filter(sender="did:example:0"), []),
    "a time": (Filter(since=TIME + 3, until=TIME + 7), [5, 3]),
    "a case": (Filter(case="case1"), [19, 13, 7, 1]),
    "several at once": (Filter(case="case1", connection="c1", code="e.p.xfer.n1", since=TIME + 5), [13]),
    "what breaks rules": (Filter(conformant=True), []),
}


@pytest.mark.parametrize(("wanted", "numbers"), FILTERS.values(), ids=FILTERS)
async def test_filters(store: Store, wanted: Filter, numbers: list[int]) -> None:
    page = await store.reader("tenant1").problems(wanted)
    assert [line.id for line in page.items] == [f"report{number}" for number in numbers]


QUESTIONS: dict[str, tuple[str, int]] = {
    "a word with its accent": ("Grüße", 12),
    "without it, in capitals": ("GRUSSE", 12),
    "two words": ("grüße 13", 1),
    "the beginning of a word": ("gru*", 12),
    "only a part of a word": ("gru", 0),
    "a code": ("e.p.xfer.n3", 6),
    "no word at all": ("*** \" ' ( )", 0),
    "operators are words": ("grüße AND NOT NEAR", 0),
    "the word of another tenant": ("tenanta9b1", 0),
}


@pytest.mark.parametrize(("question", "count"), QUESTIONS.values(), ids=QUESTIONS)
async def test_search(store: Store, question: str, count: int) -> None:
    assert len((await store.reader("tenant1").search(question)).items) == count


async def test_pages_of_a_search(store: Store) -> None:
    reader = store.reader("tenant1")
    first = await reader.search("grüße", limit=7)
    rest = await reader.search("grüße", cursor=first.cursor, limit=7)
    assert len({line.id for line in [*first.items, *rest.items]}) == 12
    assert (len(first.items), rest.cursor) == (7, None)
    only = await reader.search("grüße", Filter(case="case1"), limit=2)
    assert {line.case_id for line in only.items} == {"case1"}


async def test_a_case_a_record_and_a_thread(store: Store) -> None:
    reader = store.reader("tenant1")
    case = await reader.case("case1")
    assert case is not None
    assert (case.row.resolved_by, case.row.resolved_why, status_of(case.row, TIME)) == ("ann", "fixed?", "resolved")
    assert [line.id for line in case.problems.items] == [f"report{number}" for number in (19, 13, 7, 1)]
    assert "EscalationRaised" in {event.kind for event in case.events.items}
    record = await reader.record("issuance", "r1")
    assert record is not None
    assert record.row is not None
    assert (record.row.state, record.open, record.error) == ("state23", False, None)
    line = await reader.thread("t1", limit=100)
    assert {type(entry).__name__ for entry in line.items} == {"ProblemLine", "Activity", "CaseEvent"}
    assert [entry.at for entry in line.items] == sorted((entry.at for entry in line.items), reverse=True)


async def test_deliveries_commands_and_numbers(store: Store) -> None:
    reader = store.reader("tenant1")
    [told] = await reader.told_of(["report1"])
    assert (told.delivery.endpoint, told.delivery.outcome, told.attempts[0].attempt) == ("endpoint1", "delivered", 2)
    command = await reader.command("command-1")
    assert command is not None
    assert (command.target, command.outcome) == ("report1", "kept")
    top = await reader.top("code", TIME - 10**10, TIME + 10**10)
    assert {count.name: count.count for count in top} == {"e.p.xfer.n1": 6, "e.p.xfer.n3": 6}
    assert await reader.peers() == [("did:example:1", 12)]
    [broken] = await reader.violations("did:example:1")
    assert (broken.rule, broken.count, broken.example, broken.pointer) == ("r1", 12, "report23", "/body")


ASKED: dict[str, tuple[object, ...]] = {
    "problem": ("report0",), "search": ("grüße",), "record": ("issuance", "r0"), "record_line": ("issuance", "r0"),
    "thread": ("t0",), "connection": ("c0",), "connection_line": ("c0",), "case": ("case0",), "case_events": ("case0",),
    "cases": (CaseFilter(state="any"),), "reports_in": (["case0"], [TIME], 1000), "told_of_case": ("case0",),
    "told_about": ("report0", "case0"),
    "told_of": (["report0"],), "delivery": ("delivery-report0",), "command": ("command-0",),
    "by_minute": (0,), "peer_lines": (0,), "stopped_loops": (0,), "attempts_lately": (0,),
    "is_known": ("did:example:0",), "of_peer": ("did:example:0", 0), "by_hour": ("code", 0, 2**60),
    "top": ("code", 0, 2**60), "violations": ("did:example:0",),
}  # fmt: skip
"""What is asked of the other tenant's; methods that are not named need nothing."""
EMPTY = {"audit", "dead_letters", "violations", "peers", "stopped_loops"}
"""Of which tenant0 has nothing here, so that they show nothing."""


@pytest.mark.parametrize(
    "method", [name for name, _ in inspect.getmembers(Reader, inspect.iscoroutinefunction) if name[0] != "_"]
)
async def test_nothing_of_another_tenant_is_told(store: Store, method: str) -> None:
    async def asked(tenant: str) -> Any:
        found = await getattr(store.reader(tenant), method)(*ASKED.get(method, ()))
        lists = {"of_peer": ("sent", "connections", "messages", "timeouts"), "stopped_loops": ("loops",)}
        if method in lists:
            return [one for name in lists[method] for one in getattr(found, name)]
        return found if isinstance(found, dict) else getattr(found, "items", found)

    own = await asked("tenant0")
    assert method in EMPTY or own, "the question finds something, or it would show nothing"
    for stranger in ("tenant", "nobody", ""):
        assert not await asked(stranger)
    assert "report0'" not in repr(await asked("tenant1"))


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WzEsMl0", "bnVsbA", "é", "WzFlOTksImEiXQ", "A" * 5000])
async def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        await store.reader("tenant0").problems(cursor=cursor)


@pytest.mark.parametrize("odd", ["a\0b", "\ud800", "'; DROP TABLE problems; --", "%", "x" * 100_000, ""])
async def test_odd_ids_are_not_found(store: Store, odd: str) -> None:
    reader = store.reader("tenant0")
    assert await reader.problem(odd) is None
    assert (await reader.thread(odd)).items == []
    assert (await reader.search(odd)).items == []
    assert await reader.problem("report0") is not None
