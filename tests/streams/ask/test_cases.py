"""Cases as they are answered: who has one, how often it came when, who was told of it, and what an order refuses."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.stored import Story, problem, take_up, told_story
from tests.streams.ask.conftest import Gateway, gateway_over
from tocsin.schemas.events import (
    DeliveryRequested,
    EscalationAcknowledged,
    EscalationSnoozed,
    EscalationStepped,
    ProblemRepeated,
    ProblemSuppressed,
    ThreadContext,
)

SECOND, HOUR = 1_000_000, 3_600_000_000
NOW = time.time_ns() // 1000


def _base(at: int) -> dict[str, Any]:
    return {"tenant": "acme", "occurred_at": at, "recorded_at": at}


def _step(case: str, number: int, at: int) -> Story:
    """Step `number` of an escalation, and who was told by it."""
    stepped = EscalationStepped(event_id=f"step{number}-{case}", case=case, policy="p", step=number, **_base(at))
    told = DeliveryRequested(
        event_id=f"ask{number}-{case}", case=case, about=f"step{number}-{case}", endpoint=f"person{number}",
        delivery_id=f"d{number}-{case}", content_type="text/plain", body=b"", **_base(at),
    )  # fmt: skip
    return [("escalations", case, stepped), ("deliveries", f"person{number}", told)]


def _again(report: str, case: str, at: int) -> Story:
    thread = ThreadContext(first_seen=at, last_seen=at)
    same: dict[str, Any] = {"case": case, "report": report, **_base(at)}
    told = ProblemRepeated(event_id=f"r-{report}", count=2, problem=problem("again"), thread=thread, **same)
    asked = DeliveryRequested(
        event_id=f"q-{report}", case=case, about=report, endpoint="owner", delivery_id=f"d-{report}",
        content_type="text/plain", body=b"", **_base(at),
    )  # fmt: skip
    return [("problems", case, told), ("deliveries", "owner", asked)]


def _taken(case: str, by: str, at: int) -> Story:
    return [("escalations", case, EscalationAcknowledged(event_id=f"{by}-{case}", case=case, by=by, **_base(at)))]


STORY: Story = [
    *told_story("acme", "paged", report="p-paged", case="paged", at=NOW - 30 * SECOND),
    *_step("paged", 0, NOW - 29 * SECOND),
    *_step("paged", 1, NOW - 28 * SECOND),
    *_again("p-paged2", "paged", NOW - 20 * SECOND),
    *told_story("acme", "taken", report="p-taken", case="taken", at=NOW - 2 * HOUR),
    *_taken("taken", "ann", NOW - HOUR),
    *_taken("taken", "bob", NOW - HOUR + SECOND),
    *told_story("acme", "put off", report="p-off", case="off", at=NOW - 3 * HOUR),
    ("escalations", "off", EscalationSnoozed(event_id="z", case="off", by="ann", until=NOW + HOUR, **_base(NOW))),
    *told_story("globex", "only-globex-knows", report="p-globex", case="globex", at=NOW),
    (
        "problems",
        "quiet",
        ProblemSuppressed(event_id="s", case="quiet", report="p-quiet", reason="quiet", **_base(NOW)),
    ),
]


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Gateway]:
    address = f"sqlite:///{tmp_path / 'store.db'}"
    await take_up(address, STORY)
    async with gateway_over(address) as gateway:
        yield gateway


async def test_who_has_a_case_and_how_far_its_escalation_is(asked: Gateway) -> None:
    listed = {one["id"]: one for one in (await asked.get("/v1/cases")).json["items"]}
    assert set(listed) == {"paged", "taken", "off"}
    paged, taken, off = listed["paged"], listed["taken"], listed["off"]
    assert (paged["status"], paged["level"], paged["count"], "held_by" in paged) == ("open", 2, 2, False)
    assert (taken["status"], taken["held_by"], taken["held_since"]) == ("acknowledged", "bob", taken["acknowledged_at"])
    assert (off["status"], off["held_by"]) == ("snoozed", "ann")
    assert paged["first_seen"] < paged["last_seen"]
    for state, names in {"escalated": {"paged"}, "acknowledged": {"taken"}, "snoozed": {"off"}}.items():
        assert {one["id"] for one in (await asked.get(f"/v1/cases?state={state}")).json["items"]} == names


async def test_how_often_a_case_came_when(asked: Gateway) -> None:
    listed = {one["id"]: one["hours"]["counts"] for one in (await asked.get("/v1/cases")).json["items"]}
    assert {name: (len(counts), sum(counts)) for name, counts in listed.items()} == {
        "paged": (24, 2), "taken": (24, 1), "off": (24, 1)
    }  # fmt: skip
    assert sum(listed["paged"][-2:]) == 2, "the last hour is the last"
    case = (await asked.get("/v1/cases/paged")).json
    assert case["hours"]["counts"] == listed["paged"]
    assert (len(case["days"]["counts"]), sum(case["days"]["counts"][-2:])) == (30, 2)


async def test_a_case_says_who_was_told_of_it_and_a_problem_who_of_that_alone(asked: Gateway) -> None:
    case = (await asked.get("/v1/cases/paged")).json
    everybody = ["d-p-paged2", "d1-paged", "d0-paged", "d-p-paged"]
    assert [one["id"] for one in case["deliveries"]] == everybody
    told = (await asked.get("/v1/problems/p-paged?form=json")).json["deliveries"]
    assert [one["id"] for one in told] == everybody[1:], "the steps of its case, all of them, and not of its repetition"


async def test_a_case_of_which_nobody_was_told_says_so(asked: Gateway) -> None:
    case = (await asked.get("/v1/cases/quiet")).json
    assert (case["status"], case["count"], [one["id"] for one in case["problems"]["items"]]) == (
        "untold", 1, ["p-quiet"]
    )  # fmt: skip


async def test_a_cursor_of_another_order_is_refused_by_its_name(asked: Gateway) -> None:
    following = (await asked.get("/v1/cases?limit=1&sort=count")).json["next"]
    assert "sort=count" in following
    answer = await asked.get(following.replace("sort=count", "sort=severity"))
    assert (answer.status, answer.json["parameter"]) == (400, "cursor")
    assert "another order" in answer.json["detail"]
