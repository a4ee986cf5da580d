"""Trust of a connection, as last stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.streams.rules.state import ConnectionRow
from tocsin.streams.rules.values import DAY, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.context.conftest import World

OPENED: tuple[str, dict[str, Any]] = ("connection_opened", {"connection": "c", "trust": "low"})
MEDIUM: tuple[str, dict[str, Any]] = ("connection_opened", {"connection": "c", "trust": "medium"})
RAISED: tuple[str, dict[str, Any]] = ("message_received", {"connection": "c", "trust": "high", "thread_id": "t"})
USED: tuple[str, dict[str, Any]] = ("message_received", {"connection": "c", "thread_id": "t"})

TRUST: dict[str, tuple[list[tuple[str, dict[str, Any]]], dict[str, Any], str | None]] = {
    "stated when it was opened": ([OPENED], {"connection": "c"}, "low"),
    "opened without a word": ([("connection_opened", {"connection": "c"})], {"connection": "c"}, None),
    "stated later": ([OPENED, RAISED], {"connection": "c"}, "high"),
    "a message that says nothing of it": ([OPENED, RAISED, USED], {"connection": "c"}, "high"),
    "the connection of the thread": ([OPENED, USED], {"thread": "t"}, "low"),
    "another connection": ([OPENED], {"connection": "d"}, None),
    "the problem's own connection before the thread's": ([OPENED, USED], {"thread": "t", "connection": "d"}, None),
    "a word beside the problem does not raise it": ([OPENED], {"connection": "c", "trust": "high"}, "low"),
    "nor beside a problem of its thread": ([OPENED, USED], {"thread": "t", "trust": "High"}, "low"),
    "nor from medium to high": ([MEDIUM], {"connection": "c", "trust": "high"}, "medium"),
    "nor does a word of the same height": ([MEDIUM], {"connection": "c", "trust": "verified"}, "medium"),
    "it lowers it": ([OPENED, RAISED], {"connection": "c", "trust": "medium"}, "medium"),
    "a word that nobody knows is low": ([OPENED, RAISED], {"connection": "c", "trust": "fine"}, "fine"),
    "it is taken where activity has no word": ([USED], {"connection": "c", "trust": "medium"}, "medium"),
    "no connection": ([OPENED], {}, None),
}


@pytest.mark.parametrize(("activities", "problem", "trust"), TRUST.values(), ids=TRUST)
def test_trust(
    world: World, activities: list[tuple[str, dict[str, Any]]], problem: dict[str, Any], trust: str | None
) -> None:
    for kind, members in activities:
        world.observe(kind, **members)
    assert world.problem(**problem).trust == trust


def test_a_thread_learns_its_connection_from_a_problem(world: World) -> None:
    world.observe("connection_opened", connection="c", trust="low")
    world.problem("t", connection="c")
    assert world.problem("t").trust == "low"


def test_a_connection_in_use_is_not_forgotten_and_not_written_at_each_message(world: World) -> None:
    world.observe("connection_opened", connection="c", trust="low")
    opened = world.now
    world.observe("message_sent", connection="c", thread_id="t")
    assert world.rows.get("connection/acme/c") == ConnectionRow(opened, "low", opened)
    world.now += DAY
    world.observe("message_sent", connection="c", thread_id="t")
    assert world.rows.get("connection/acme/c") == ConnectionRow(world.now, "low", opened)
    assert world.rows.due("connection/acme/c") == opened + 7 * DAY


def test_what_others_count_on_a_connection_stays(world: World) -> None:
    world.rows.put("connection/acme/c", ConnectionRow(0, None, None, 5), 9)
    world.observe("message_sent", connection="c", trust="low")
    assert world.rows.get("connection/acme/c") == ConnectionRow(SECOND, "low", None, 5)
