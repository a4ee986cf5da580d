"""The cases that are meant, in each order, page by page, on both databases; and how often each was reported when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import insert

from tests.harness.projected import HOUR, TIME
from tocsin.connectors.store import CursorInvalid, Store, address_of, status_of
from tocsin.connectors.store.cursors import cursor_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.connectors.store.queries import cases as queries
from tocsin.connectors.store.queries.cases import ORDERS, CaseFilter, CaseOrder
from tocsin.connectors.store.tables import cases, problems

NOW = TIME + 1000


def _case(name: str, at: int, **more: Any) -> dict[str, Any]:
    columns: dict[str, Any] = dict.fromkeys(column.name for column in cases.c)
    given = {"tenant": "a", "id": name, "opened_at": TIME + 5, "at": TIME + at, "count": 1, "severity": "error"}
    return columns | given | {"code_key": "e.p.xfer", "connection": "c-1"} | more


CASES = [
    _case("plain", 10, count=3, opened_at=TIME + 9),
    _case("often", 9, count=90, severity="warning", code_key="e.p.xfer.cant-use-endpoint", opened_at=TIME + 1),
    _case("paged", 8, count=3, escalation="stepped", step=0, opened_at=TIME + 8, code_key="e.p.xferx"),
    _case("taken", 7, escalation="acknowledged", acknowledged_at=TIME + 9, acknowledged_by="ann", severity="unknown"),
    _case("put-off", 6, escalation="snoozed", snoozed_at=TIME + 9, snoozed_until=NOW + 1, connection="c-2"),
    _case("over", 6, escalation="snoozed", snoozed_at=TIME + 9, snoozed_until=NOW, count=None, severity=None),
    _case("taken-then-put-off", 5, acknowledged_at=TIME + 9, snoozed_at=TIME + 10, snoozed_until=NOW + 1),
    _case("taken-and-back", 4, escalation="raised", acknowledged_at=TIME + 6, reopened_at=TIME + 7),
    _case("resolved", 3, resolved_at=TIME + 20),
    _case("untold", 99, opened_at=None),
    _case("of-another", 100, tenant="b"),
]

FOUND: dict[str, tuple[CaseFilter, set[str]]] = {
    "open": (
        CaseFilter(),
        {"plain", "often", "paged", "taken", "put-off", "over", "taken-then-put-off", "taken-and-back"},
    ),
    "that nobody has": (CaseFilter(state="unacknowledged"), {"plain", "often", "paged", "over", "taken-and-back"}),
    "of which somebody is told": (CaseFilter(state="escalated"), {"paged", "over", "taken-and-back"}),
    "that somebody has": (CaseFilter(state="acknowledged"), {"taken"}),
    "put off": (CaseFilter(state="snoozed"), {"put-off", "taken-then-put-off"}),
    "resolved": (CaseFilter(state="resolved"), {"resolved"}),
    "a severity": (CaseFilter(severity="warning"), {"often"}),
    "a connection": (CaseFilter(connection="c-2"), {"put-off"}),
    "a code": (CaseFilter(code="e.p.xfer.cant-use-endpoint"), {"often"}),
    "not the beginning of a token": (CaseFilter(code="e.p.xferx", state="any"), {"paged"}),
    "several at once": (CaseFilter(code="e.p", severity="error", state="escalated"), {"paged", "taken-and-back"}),
}  # fmt: skip

ORDERED: dict[CaseOrder, list[str]] = {
    "last_seen": ["plain", "often", "paged", "taken", "put-off", "over", "taken-then-put-off", "taken-and-back"],
    "first_seen": ["plain", "paged", "taken-then-put-off", "taken-and-back", "taken", "put-off", "over", "often"],
    "count": ["often", "plain", "paged", "taken-then-put-off", "taken-and-back", "taken", "put-off", "over"],
    "severity": ["plain", "paged", "put-off", "taken-then-put-off", "taken-and-back", "often", "taken", "over"],
}


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    """Those cases, and some reports of two of them."""
    database = database_of(address_of(address), make=True)
    await database.write(migrate)
    await database.write(lambda connection: connection.execute(insert(cases), CASES))
    reports = [
        {"tenant": tenant, "id": f"{tenant}{case}{number}", "known_by": 2, "at": at, "case_id": case}
        for tenant, case, at, count in (
            ("a", "often", TIME, 5), ("a", "often", TIME + HOUR - 1, 1), ("a", "often", TIME + HOUR, 2),
            ("a", "plain", TIME + HOUR, 1), ("a", "paged", TIME, 1), ("b", "often", TIME, 40),
        )
        for number in range(at, at + count)
    ]  # fmt: skip
    await database.write(lambda connection: connection.execute(insert(problems), reports))
    await database.close()
    async with Store(address_of(address)) as opened:
        yield opened


async def test_those_that_are_meant(store: Store) -> None:
    reader = store.reader("a")
    for name, (wanted, names) in FOUND.items():
        assert {row.id for row in (await reader.cases(replace(wanted, now=NOW))).items} == names, name


async def test_a_state_is_what_a_case_is_said_to_be(store: Store) -> None:
    """By the database and by `status_of` alike."""
    reader = store.reader("a")
    for row in (await reader.cases(CaseFilter(state="any"))).items:
        status = {"open": "unacknowledged"}.get(said := status_of(row, NOW), said)
        listed = (await reader.cases(CaseFilter(state=status, now=NOW))).items  # type: ignore[arg-type]
        assert row.id in {one.id for one in listed}, status


async def test_each_order_page_by_page(store: Store) -> None:
    reader = store.reader("a")
    for order, limit in ((order, limit) for order in ORDERED for limit in (1, 3, 50)):
        seen, cursor = list[str](), None
        while True:
            page = await reader.cases(order=order, cursor=cursor, limit=limit)
            assert len(page.items) <= limit
            seen += [row.id for row in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == ORDERED[order], (order, limit)


BAD: dict[str, str] = {
    "of another order": cursor_of(["first_seen", 5, "x"]),
    "as another list has them": cursor_of([5, "x"]),
    "too few values": cursor_of(["count", 5]),
    "a number too large": cursor_of(["count", 2**63, "x"]),
    "a text for a number": cursor_of(["count", "5", "x"]),
    "a NUL": cursor_of(["count", 5, "a\0"]),
    "nothing": cursor_of([]),
    "an object": "eyJhIjoxfQ",
    "no cursor": "what",
}


async def test_no_cursor_of_this_order(store: Store) -> None:
    for cursor in BAD.values():
        with pytest.raises(CursorInvalid, match="ask without one"):
            await store.reader("a").cases(order="count", cursor=cursor)


async def test_a_cursor_of_another_order_is_said_to_be_one(store: Store) -> None:
    for order in ORDERS:
        cursor = (await store.reader("a").cases(order=order, limit=1)).cursor
        for other in (one for one in ORDERS if one != order):
            with pytest.raises(CursorInvalid, match="another order"):
                await store.reader("a").cases(order=other, cursor=cursor)


async def test_only_so_many_are_looked_through(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "LOOKED_THROUGH", 3)
    reader = store.reader("a")
    assert [row.id for row in (await reader.cases(order="count")).items] == ["often", "plain", "paged"]
    assert (await reader.cases(CaseFilter(connection="c-2"))).items == []
    assert len((await reader.cases()).items) == 8, "the usual list has an index, and all of them"


async def test_how_often_each_was_reported_when(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, begins = store.reader("a"), [TIME - HOUR, TIME, TIME + HOUR]
    spans = await reader.reports_in(["often", "plain", "nothing"], begins, HOUR)
    found = {(one.case, one.begin): one.count for one in spans}
    assert found == {("often", TIME): 6, ("often", TIME + HOUR): 2, ("plain", TIME + HOUR): 1}
    monkeypatch.setattr(queries, "MOST_COUNTED", 4)
    [span] = await reader.reports_in(["often"], [TIME], HOUR)
    assert span.count == 4
    assert await reader.reports_in([], begins, HOUR) == []
