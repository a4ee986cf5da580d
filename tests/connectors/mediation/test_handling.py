"""One trouble, three duties: a line in the log, a report for the peer, an event on the bus, all with the same marks."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import pytest

from tocsin.connectors.dialects import read_parsed
from tocsin.connectors.mediation import Context, Handled, Mediation, load_table, message_digest
from tocsin.connectors.publish import MemoryPublisher, PublishUnconfirmed
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.problem import Problem, RetryParty

ENCRYPTED = b'{"ciphertext":"..."}'
DIGEST = hashlib.sha256(ENCRYPTED).hexdigest()
PICKUP = "https://didcomm.org/messagepickup/3.0/delivery-request"
CONTEXT = Context(message_id="m-1", message_type=PICKUP, sender="did:example:peer", own="did:example:me", did="did:x")


def mediation(publisher: MemoryPublisher, **options: Any) -> Mediation:
    table = load_table("identus-mediator")
    return Mediation(table, publisher, escalate_to="mailto:desk@example.org", service="mediator", **options)


async def test_a_report_under_one_request_id_and_digest(caplog: pytest.LogCaptureFixture) -> None:
    publisher = MemoryPublisher()
    with caplog.at_level(logging.INFO, "tocsin.mediation"):
        handled = await mediation(publisher).handle("M1", CONTEXT, encrypted=ENCRYPTED, request_id="r-1")
    (line,) = caplog.records
    assert line.getMessage() == "identus-mediator/M1: M1B, report e.p.req.not_enroll"
    assert (line.levelname, vars(line)["request_id"], vars(line)["msg_sha256"]) == ("ERROR", "r-1", DIGEST)
    (event,) = publisher.events
    assert isinstance(event, ProblemReported)
    problem = event.problem
    assert (
        (problem.request_id, problem.message_sha256)
        == ("r-1", DIGEST)
        == (handled.request_id, message_digest(ENCRYPTED))
    )
    assert (problem.code, problem.text, problem.category) == (
        "e.p.req.not_enroll",
        "The DID 'did:x' is not enroled.",
        "req",
    )
    assert problem.extensions["mediation.scenario"] == '"identus-mediator/M1"'
    assert handled.receipt is not None


async def test_the_report_for_the_peer_is_one_that_a_reader_takes() -> None:
    handled = await mediation(MemoryPublisher()).handle("M1", CONTEXT, encrypted=ENCRYPTED)
    assert handled.document == {
        "type": "https://didcomm.org/report-problem/2.0/problem-report",
        "pthid": "m-1",
        "ack": ["m-1"],
        "from": "did:example:me",
        "to": ["did:example:peer"],
        "body": {
            "code": "e.p.req.not_enroll",
            "comment": "The DID '{1}' is not enroled.",
            "args": ["did:x"],
            "escalate_to": "mailto:desk@example.org",
        },
    }
    read = read_parsed(handled.document | {"id": "x"}, "didcomm-2.0")
    assert isinstance(read, Problem)
    assert read.text == "The DID 'did:x' is not enroled."


async def test_a_message_that_cannot_be_read_is_named_by_its_digest() -> None:
    handled = await mediation(MemoryPublisher(), column="roadmap").handle("G5", encrypted=ENCRYPTED)
    assert handled.document is not None
    assert handled.document["pthid"] == DIGEST
    assert "to" not in handled.document
    assert (handled.decision.signed, handled.decision.synchronous) == (True, True)


async def test_an_exception_is_recorded_with_its_class_and_text(caplog: pytest.LogCaptureFixture) -> None:
    publisher = MemoryPublisher()
    handled = await mediation(publisher).handle(ValueError("lone \ud800"), CONTEXT)
    assert handled.problem is not None
    assert (handled.decision.scenario, handled.problem.code) == ("G4", "e.p.error")
    assert handled.problem.extensions["mediation.error"] == '"builtins.ValueError"'
    assert handled.problem.extensions["mediation.error_text"] == '"lone ?"'
    assert len(publisher.events) == 1
    assert caplog.records[0].exc_info is not None
    assert handled.document is not None
    assert "comment" not in handled.document["body"]  # type: ignore[operator]


async def test_what_the_peer_is_not_told_is_recorded_and_a_reply_is_not() -> None:
    publisher = MemoryPublisher()
    report = Context(sender="did:x", message_type="https://didcomm.org/report-problem/2.0/problem-report")
    ignored = await mediation(publisher).handle("G2", report)
    assert (ignored.document, len(publisher.events)) == (None, 1)
    replied = await mediation(publisher).handle("M5", CONTEXT)
    assert (replied.problem, replied.document, len(publisher.events)) == (None, None, 1)


async def test_only_what_is_not_synchronous_is_dispatched() -> None:
    sent: list[Handled] = []

    async def dispatch(handled: Handled) -> None:
        sent.append(handled)

    at_work = mediation(MemoryPublisher(), dispatch=dispatch)
    await at_work.handle("M1", CONTEXT)
    await at_work.handle("G2", CONTEXT)
    assert [each.decision.scenario for each in sent] == ["G2"]


async def test_neither_a_dead_peer_nor_a_dead_bus_keeps_the_other_from_being_told() -> None:
    async def dispatch(handled: Handled) -> None:
        raise OSError("no route")

    publisher = MemoryPublisher()
    handled = await mediation(publisher, dispatch=dispatch).handle("G2", CONTEXT)
    assert isinstance(handled.undispatched, OSError)
    assert len(publisher.events) == 1
    publisher.failures.append(PublishUnconfirmed("e", "away"))
    handled = await mediation(publisher).handle("M2", CONTEXT)
    assert isinstance(handled.unrecorded, PublishUnconfirmed)
    assert handled.document is not None
    assert handled.problem is not None
    assert handled.problem.retry_party is RetryParty.RECIPIENT


async def test_the_same_request_handled_twice_counts_once() -> None:
    publisher = MemoryPublisher()
    for _ in range(2):
        await mediation(publisher).handle("M1", CONTEXT, encrypted=ENCRYPTED, request_id="r-1")
    await mediation(publisher).handle("M1", CONTEXT, encrypted=ENCRYPTED)
    assert len({event.event_id for event in publisher.events}) == 2
