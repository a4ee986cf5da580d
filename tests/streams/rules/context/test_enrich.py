"""Thread context: links between rows, counts, codes; unknown context is normal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.events import ThreadContext
from tocsin.streams.rules.context.threads import MAX_PARENTS
from tocsin.streams.rules.state import THREAD_CODES
from tocsin.streams.rules.values import DAY, SECOND

if TYPE_CHECKING:
    from tests.streams.rules.context.conftest import World

PARENTS: dict[str, tuple[dict[str, str | None], dict[str, Any], list[str]]] = {
    "an unknown thread": ({}, {"thread": "t"}, []),
    "no thread at all": ({}, {}, []),
    "a parent that is not known itself": ({}, {"thread": "t", "parent_thread_id": "p"}, ["p"]),
    "also without a thread": ({}, {"parent_thread_id": "p"}, ["p"]),
    "nearest parent first": ({"p": "g", "g": None}, {"thread": "t", "parent_thread_id": "p"}, ["p", "g"]),
    "a parent learned from activity": ({"t": "p"}, {"thread": "t"}, ["p"]),
    "the first known parent stays": ({"t": "p"}, {"thread": "t", "parent_thread_id": "q"}, ["p"]),
    "a thread is not its own parent": ({}, {"thread": "t", "parent_thread_id": "t"}, []),
    "a circle above ends": ({"a": "b", "b": "a"}, {"thread": "t", "parent_thread_id": "a"}, ["a", "b"]),
    "a circle through itself ends": ({"p": "t"}, {"thread": "t", "parent_thread_id": "p"}, ["p"]),
    "a known context id is the parent": ({"k": None}, {"thread": "t", "context_ids": ["u", "k"]}, ["k"]),
    "an unknown context id is nothing": ({}, {"thread": "t", "context_ids": ["u"]}, []),
    "an id that is too long links to nothing": ({}, {"thread": "t", "parent_thread_id": "p" * 256}, []),
}


@pytest.mark.parametrize(("links", "problem", "parents"), PARENTS.values(), ids=PARENTS)
def test_parents(world: World, links: dict[str, str | None], problem: dict[str, Any], parents: list[str]) -> None:
    for thread, parent in links.items():
        world.received(thread, parent_thread_id=parent)
    context = world.problem(**problem)
    assert (context.parents, context.depth) == (parents, len(parents))


def test_a_parent_may_be_named_by_one_of_its_messages(world: World) -> None:
    world.sent("p", message_id="m", parent_thread_id="g")
    world.received("t", parent_thread_id="m")
    assert world.problem("t").parents == ["p", "g"]


def test_chains_are_followed_sixteen_up(world: World) -> None:
    for number in range(40):
        world.received(f"t{number}", parent_thread_id=f"t{number + 1}")
    assert world.problem("t0").parents == [f"t{number}" for number in range(1, MAX_PARENTS + 1)]


def test_a_parent_that_is_learned_late_explains_the_next_problem(world: World) -> None:
    assert world.problem("child", parent_thread_id="parent").parents == ["parent"]
    world.received("parent", parent_thread_id="grandparent")
    assert world.problem("child").parents == ["parent", "grandparent"]


def test_problems_of_a_thread_are_counted_and_activity_is_not(world: World) -> None:
    world.received("t")
    world.problem("t", code="e.p.a")
    world.received("t")
    assert world.problem("t", code="e.p.b") == ThreadContext(
        thread_id="t",
        count=2,
        first_seen=SECOND,
        last_seen=4 * SECOND,
        codes=["e.p.a", "e.p.b"],
        found_by="thread",
        effect="ended",
    )


def test_a_thread_remembers_its_last_sixteen_codes(world: World) -> None:
    for number in range(THREAD_CODES + 5):
        context = world.problem("t", code=f"c{number}")
    assert context.codes == [f"c{number}" for number in range(5, THREAD_CODES + 5)]


def test_tenants_do_not_share_threads(world: World, new_world: type[World]) -> None:
    other = new_world(world.rows, "other")
    other.received("t", parent_thread_id="p", message_id="m", digest="d", connection="c", trust="high")
    context = world.problem("t", ack=["m"], message_sha256="d", connection="c")
    assert (context.parents, context.found_by, context.trust) == ([], None, None)
    assert all(key.split("/")[1] in ("acme", "other") for key in world.rows.rows)


def test_activity_without_any_id_leaves_no_row(world: World) -> None:
    world.received()
    assert not world.rows.rows


def test_a_message_in_no_thread_begins_one(world: World) -> None:
    world.sent(message_id="m", message_type="https://didcomm.org/present-proof/2.0/request-presentation")
    assert world.problem("m").state == "request-sent"


def test_a_row_in_use_keeps_its_timer(world: World) -> None:
    world.received("t", message_id="m", connection="c", trust="high")
    first = dict(world.rows.dues)
    world.received("t", message_id="m", connection="c", trust="low")
    assert world.rows.dues == first
    assert set(first.values()) == {SECOND + 7 * DAY}


def test_what_was_going_on(world: World) -> None:
    world.observe("connection_opened", connection="c", trust="normal")
    offer = "https://didcomm.org/issue-credential/2.0/offer-credential"
    world.sent("t", offer, message_id="m1", connection="c", parent_thread_id="invitation")
    world.observe("record_changed", thread_id="t", record_type="cred-ex", record_id="7", record_state="offer-sent")
    world.observe("job_started", thread_id="t", job="issue")
    assert world.problem("t", "e.p.trust.crypto") == ThreadContext(
        thread_id="t",
        parents=["invitation"],
        depth=1,
        count=1,
        first_seen=2 * SECOND,
        last_seen=5 * SECOND,
        codes=["e.p.trust.crypto"],
        found_by="thread",
        protocol="https://didcomm.org/issue-credential/2.0",
        role="issuer",
        state="offer-sent",
        effect="ended",
        state_after="null",
        connection="c",
        trust="normal",
        record_type="cred-ex",
        record_id="7",
        record_state="offer-sent",
        job="issue",
        last_message_id="m1",
        last_message_type=offer,
    )
    assert world.thread("t").state == "null"


def test_what_the_report_itself_says_of_job_and_trust_counts_before_what_was_observed(world: World) -> None:
    world.observe("connection_opened", connection="c", trust="high")
    world.observe("job_started", thread_id="t", job="issue", connection="c")
    told = world.problem("t", connection="c", job="revoke", trust="low")
    assert (told.job, told.trust, told.connection) == ("revoke", "low", "c")
    alone = world.problem(job="revoke", trust="low")
    assert (alone.job, alone.trust) == ("revoke", "low")
