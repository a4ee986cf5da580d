"""Whoever can claim anything of a thread does not say what its record's error is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.projected import TIME
from tests.harness.stored import Story, take_up
from tocsin.connectors.people.told import notification_line
from tocsin.connectors.store import Store, address_of
from tocsin.connectors.store.queries.cases import LOOKED_AT
from tocsin.schemas.events import ProblemOpened, ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem, Source


def said(report: str, at: int, trust: str | None = None, side: str | None = None) -> Story:
    """A report of the thread of a record, and its case."""
    code, source = f"e.p.{report}", Source(trust=trust, side=side)
    told = Problem(dialect="didcomm-2.0", code=code, code_key=code, thread_id="t", source=source)
    thread = ThreadContext(thread_id="t", first_seen=at, last_seen=at, record_type="issuance", record_id="r")
    base: dict[str, Any] = {"tenant": "acme", "occurred_at": at, "recorded_at": at}
    reported = ProblemReported(event_id=report, problem=told, **base)
    opened = ProblemOpened(event_id=f"o-{report}", case=report, report=report, problem=told, thread=thread, **base)
    return [("inbox", "acme", reported), ("problems", report, opened)]


FORGED: Story = [event for number in range(LOOKED_AT + 5) for event in said(f"f{number}", TIME + 9 + number, "claimed")]


@pytest.mark.parametrize(
    ("story", "error", "trust"),
    [([*said("true", TIME), *FORGED], "true", None), (FORGED, f"f{LOOKED_AT + 4}", "claimed")],
    ids=["a genuine one is there", "there is no other"],
)
async def test_the_error_of_a_record(address: str, story: Story, error: str, trust: str | None) -> None:
    await take_up(address, story)
    async with Store(address_of(address)) as store:
        reader = store.reader("acme")
        record, case = await reader.record("issuance", "r"), await reader.case(error)
        line = await reader.record_line("issuance", "r", None, 100)
    assert record is not None
    assert record.error is not None
    assert (record.error.id, record.error.trust, record.open) == (error, trust, True)
    assert case is not None
    assert case.row.trust == trust
    assert {getattr(one, "trust", None) for one in line.items} >= {"claimed"}


def test_a_line_of_a_claimed_one_says_so() -> None:
    problem = {"code": "e.p.x", "severity": "error", "source": {"trust": "claimed"}}
    line = notification_line({"type": "problem.opened", "data": {"problem": problem}})
    assert line == "problem.opened error e.p.x (claimed: nothing proves who sent it)"
