"""From what a publisher has in hand to the event."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.publish import (
    MemoryPublisher,
    NothingToPublish,
    Origin,
    ProblemContext,
    problem,
    problem_reported,
)
from tocsin.connectors.publish.headers import cloud_event_headers, rfc3339
from tocsin.schemas.errors import Unencodable
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.problem import Problem, Severity, Source

NOW = 1_700_000_000_000_000
ORIGIN = Origin(tenant="t")


def test_a_problem_of_your_own() -> None:
    mine = problem("w.m.x", text_template="no {1}", args=["db"], severity=Severity.ERROR)
    assert (mine.text, mine.severity, mine.scope, mine.code_key) == ("no db", "error", "message", "w.m.x")


def test_a_source_may_be_given_by_its_members() -> None:
    assert problem("e.p.x", source={"service": "ledger"}).source == Source(service="ledger")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param({"service": "x" * 2049}, "/source/service: expected at most 2048 characters", id="too long"),
        pytest.param({"host": "x"}, "/source: expected only the members service, wallet", id="no such member"),
        pytest.param({"service": 5}, "/service: expected a string", id="no text"),
    ],
)
def test_a_source_that_cannot_be_is_refused_where_it_is_written(source: dict[str, object], said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        problem("e.p.x", source=source)


def test_a_ready_problem_is_bounded_too() -> None:
    ready = Problem(dialect="canonical", code="x", code_key="x", source=Source(wallet="x" * 2049))
    with pytest.raises(Unreadable, match="/source/wallet: expected at most 2048 characters"):
        problem_reported(ready, ORIGIN)


def test_the_original_bytes_travel_with_the_event() -> None:
    raw = b' {"code": "e.p.x"} '
    event = problem_reported(raw, ORIGIN, now=NOW)
    assert (event.raw, event.raw_media_type, event.problem.code) == (raw, "application/json", "e.p.x")
    assert (event.occurred_at, event.recorded_at, event.tenant) == (NOW, NOW, "t")


def test_a_parsed_document_is_written_again() -> None:
    event = problem_reported({"title": "t", "status": 500}, Origin(tenant="t", dialect="rfc9457"), now=NOW)
    assert event.raw == b'{"title":"t","status":500}'
    assert event.problem.dialect == "rfc9457"


def test_ids() -> None:
    key = Origin(tenant="t", idempotency_key="k")
    first, second = problem_reported(b'{"code":"x"}', key), problem_reported(b'{"code":"x"}', key)
    assert first.event_id == second.event_id
    assert first.idempotency_key == "k"
    other = problem_reported(b'{"code":"x"}', Origin(tenant="u", idempotency_key="k"))
    assert other.event_id != first.event_id
    fixed = str(uuid.uuid4())
    assert problem_reported(b'{"code":"x"}', Origin(tenant="t", event_id=fixed, idempotency_key="k")).event_id == fixed
    assert problem_reported(b'{"code":"x"}', ORIGIN).event_id != problem_reported(b'{"code":"x"}', ORIGIN).event_id


@pytest.mark.parametrize(
    ("noticed", "occurred"),
    [(5, 5), (NOW - 1, NOW - 1), (NOW + 300_000_000, NOW + 300_000_000), (NOW + 300_000_001, NOW), (-1, NOW)],
)
def test_the_publishers_time_is_believed_within_reason(noticed: int, occurred: int) -> None:
    event = problem_reported(problem("e.p.x", noticed_at=noticed), ORIGIN, now=NOW)
    assert event.occurred_at == occurred


def test_no_problem_makes_no_event() -> None:
    with pytest.raises(NothingToPublish):
        problem_reported({"type": "https://didcomm.org/routing/2.0/forward", "id": "x", "body": {}}, ORIGIN)


@pytest.mark.parametrize("report", [{"code": "x", "n": float("nan")}, {"code": "\ud800"}, {"code": ""}, b"", b"{"])
def test_a_document_no_reader_can_take(report: bytes | dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        problem_reported(report, ORIGIN)


async def test_the_memory_publisher_keeps_what_kafka_would() -> None:
    async with MemoryPublisher(tenant="acme") as publisher:
        receipt = await publisher.publish({"code": "e.p.x"}, idempotency_key="k")
        again = await publisher.publish({"code": "e.p.x"}, idempotency_key="k")
        activity = ActivityObserved(
            event_id=str(uuid.uuid4()),
            tenant="acme",
            occurred_at=1,
            recorded_at=1,
            kind=ActivityKind.JOB_STARTED,
            job="j",
        )
        await publisher.publish_activity(activity)
        await publisher.publish(activity)
    assert receipt.event_id == again.event_id
    assert [receipt.offset, again.offset] == [0, 1]
    reported = publisher.events[0]
    assert isinstance(reported, ProblemReported)
    assert (reported.tenant, reported.raw) == ("acme", b'{"code":"e.p.x"}')
    assert publisher.events[2:] == [activity, activity]


async def test_the_memory_publisher_fails_as_told_and_refuses_what_has_no_bytes() -> None:
    publisher = MemoryPublisher()
    publisher.failures.append(RuntimeError("told"))
    with pytest.raises(RuntimeError, match="told"):
        await publisher.publish(problem("x"))
    with pytest.raises(Unencodable):
        await publisher.publish(Problem(dialect="canonical", code="x", code_key="x", noticed_at=10**30))


def test_cloud_event_headers() -> None:
    event = problem_reported(b'{"code":"x"}', ORIGIN, now=NOW)
    headers = dict(cloud_event_headers(event, b"src"))
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": event.event_id.encode(),
        "ce_source": b"src",
        "ce_type": b"io.tocsin.ProblemReported",
        "ce_time": b"2023-11-14T22:13:20.000000Z",
        "ce_tenant": b"t",
        "content-type": b"application/vnd.tocsin.avro",
    }


@given(micros=st.integers(-(2**63), 2**63 - 1))
def test_any_time_has_a_text(micros: int) -> None:
    assert rfc3339(micros).endswith("Z")


async def test_a_publisher_says_the_context_beside_the_document() -> None:
    publisher = MemoryPublisher()
    document = {"title": "t", "status": 500}
    await publisher.publish(document, context={"record_id": "r", "side": "own"}, traceparent="00-1", tracestate="a=1")
    await publisher.publish({"context": {"record_id": "r", "side": "own"}, "document": document})
    await publisher.publish(problem("e.p.x", text="t"), context=ProblemContext(record_id="r", side="own"))
    events = [event for event in publisher.events if isinstance(event, ProblemReported)]
    assert [(one.problem.source.record_id, one.problem.source.side) for one in events] == [("r", "own")] * 3
    assert (events[0].traceparent, events[0].tracestate) == ("00-1", "a=1")
    await publisher.publish(document, context={"recordId": "r"})
    assert isinstance(publisher.events[-1], ProblemReported)
    assert publisher.events[-1].problem.source.record_id == "r"
    with pytest.raises(Unreadable):
        await publisher.publish(document, context={"recrod": "r"})
