"""Late context: the activity that a problem named comes after it, and completes its case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.state import ReferenceRow

if TYPE_CHECKING:
    from tests.streams.rules.context.conftest import World

OFFER = "https://didcomm.org/issue-credential/2.0/offer-credential"
REPORT = "https://didcomm.org/report-problem/2.0/problem-report"
OWN: dict[str, Any] = {"thread": "own", "message_id": "own", "thread_id_derived": True}

# the problem -> the activity that explains it, and how it was found
LATE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "its thread": ({"thread": "t"}, {}, "thread"),
    "its parent thread": ({**OWN, "parent_thread_id": "t"}, {}, "parent"),
    "a message of its parent thread": ({**OWN, "parent_thread_id": "m"}, {"message_id": "m"}, "message"),
    "a message that it acknowledges": ({**OWN, "ack": ["x", "m"]}, {"message_id": "m"}, "message"),
    "any other id that it mentions": ({"context_ids": ["m"]}, {"message_id": "m"}, "message"),
    "a digest": ({"message_sha256": "AB"}, {"digest": "ab"}, "digest"),
    "a request": ({"request_id": "7"}, {"detail": {"request_id": "7"}}, "request"),
    "a record": ({"record_type": "x", "record_id": "7"}, {"record_type": "x", "record_id": "7"}, "record"),
}


@pytest.mark.parametrize(("problem", "activity", "by"), LATE.values(), ids=LATE)
def test_late_activity_explains_the_case(
    world: World, problem: dict[str, Any], activity: dict[str, Any], by: str
) -> None:
    before = world.problem(**problem)
    assert (before.state, before.last_message_type) == (None, None)
    report = f"r{world.now}"
    (explained,) = world.observe(
        "message_sent", at=0, thread_id="t", message_type=OFFER, connection="c", trust="low", **activity
    )
    thread = explained.thread
    assert (explained.case, explained.report) == (
        derived_id("case", "acme", problem.get("parent_thread_id") or problem.get("thread") or report, "e.p.odd"),
        report,
    )
    assert explained.event_id == derived_id("explained", report, f"a{world.now}")
    assert (thread.thread_id, thread.found_by, thread.role) == ("t", by, "issuer")
    assert (thread.state, thread.effect, thread.state_after) == ("offer-sent", "ended", "null")
    assert (thread.connection, thread.trust) == ("c", "low")
    assert world.thread("t").state == "null"


@pytest.mark.parametrize(("problem", "activity", "by"), LATE.values(), ids=LATE)
def test_it_is_explained_once(world: World, problem: dict[str, Any], activity: dict[str, Any], by: str) -> None:
    world.problem(**problem)
    assert len(world.observe("message_sent", thread_id="t", message_type=OFFER, **activity)) == 1
    assert world.observe("message_sent", thread_id="t", message_type=OFFER, **activity) == []


def test_a_second_id_that_becomes_known_does_not_explain_it_again(world: World) -> None:
    world.problem(**OWN, parent_thread_id="t", ack=["m"])
    assert len(world.observe("message_sent", thread_id="t", message_type=OFFER)) == 1
    assert world.observe("message_sent", thread_id="t", message_id="m", message_type=OFFER) == []
    assert world.observe("message_received", thread_id="t", message_id="own", message_type=REPORT) == []


def test_one_activity_that_brings_several_ids_explains_once(world: World) -> None:
    world.problem("t", ack=["m"], message_sha256="d", request_id="7")
    explained = world.observe(
        "message_sent", thread_id="t", message_id="m", digest="d", detail={"request_id": "7"}, message_type=OFFER
    )
    assert len(explained) == 1


def test_a_record_in_no_thread_explains_too(world: World) -> None:
    world.problem(record_type="connection", record_id="7")
    (explained,) = world.observe(
        "record_changed", record_type="connection", record_id="7", record_state="abandoned", connection="c"
    )
    thread = explained.thread
    assert (thread.thread_id, thread.found_by, thread.connection) == (None, "record", "c")
    assert (thread.record_type, thread.record_id, thread.record_state) == ("connection", "7", "abandoned")


def test_a_record_of_which_nothing_is_said_explains_nothing_yet(world: World) -> None:
    world.problem(record_type="connection", record_id="7")
    assert world.observe("record_changed", record_type="connection", record_id="7") == []
    assert len(world.observe("job_started", record_type="connection", record_id="7", job="accept")) == 1


def test_what_happened_after_the_problem_is_not_ended_by_it(world: World) -> None:
    world.problem("t")
    (explained,) = world.observe("message_sent", thread_id="t", message_type=OFFER)
    assert (explained.thread.state, explained.thread.effect) == ("offer-sent", None)
    assert world.thread("t").state == "offer-sent"


def test_the_message_of_the_report_alone_explains_nothing(world: World) -> None:
    world.problem(**OWN)
    assert world.observe("message_received", thread_id="t", message_id="own", message_type=REPORT) == []
    (explained,) = world.observe("message_sent", thread_id="t", message_type=OFFER)
    assert (explained.thread.thread_id, explained.thread.found_by) == ("t", "thread")


def test_the_message_of_the_report_leads_to_a_thread_that_is_known(world: World) -> None:
    world.problem(**OWN)
    world.sent("t", OFFER)
    (explained,) = world.observe("message_received", thread_id="t", message_id="own", message_type=REPORT)
    assert (explained.thread.thread_id, explained.thread.state) == ("t", "offer-sent")


def test_a_problem_of_which_nobody_was_told_is_not_explained(world: World) -> None:
    world.problem("t")
    for key in [key for key in world.rows.rows if key.startswith("case/")]:
        world.rows.delete(key)
    assert world.observe("message_sent", thread_id="t", message_type=OFFER) == []


def test_a_problem_that_was_understood_at_once_waits_for_nothing(world: World) -> None:
    world.sent("t", OFFER, message_id="m")
    world.problem("t", ack=["x"], message_sha256="d", request_id="7", record_id="8")
    assert not [row for key in world.rows.rows if getattr(row := world.rows.get(key), "waiting", ())]


def test_at_most_sixteen_cases_wait_for_one_id_each_with_its_last_report(world: World) -> None:
    for number in range(20):
        world.problem("t", f"e.p.odd-{number}", request_id="7")
        world.problem("t", f"e.p.odd-{number}", request_id="7")
    row = world.rows.get("reference/acme/request/7")
    assert isinstance(row, ReferenceRow)
    assert len(row.waiting) == len(world.thread("t").waiting) == len({case for case, _ in row.waiting}) == 16
    assert row.waiting[-1][1] == f"r{world.now}"
    assert len(world.observe("message_sent", thread_id="t", message_type=OFFER)) == 16
