"""One trouble, three duties: a line in the log, a report for the peer, an event on the bus, all with the same marks."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import Any

import msgspec
import pytest

from tocsin.connectors.dialects import read_parsed
from tocsin.connectors.mediation import Context, Handled, Mediation, MemorySeenIds, load_table, message_digest
from tocsin.connectors.publish import MemoryPublisher, PublishUnconfirmed
from tocsin.schemas.events import ActivityObserved, ProblemReported
from tocsin.schemas.problem import Problem, RetryParty

ENCRYPTED = b'{"ciphertext":"..."}'
DIGEST = hashlib.sha256(ENCRYPTED).hexdigest()
PICKUP = "https://didcomm.org/messagepickup/3.0/delivery-request"
CONTEXT = Context(message_id="m-1", message_type=PICKUP, sender="did:example:peer", own="did:example:me", did="did:x")
ELSEWHERE = msgspec.structs.replace(CONTEXT, message_type="https://didcomm.org/basicmessage/2.0/message")


class Unspeakable(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no")


class LiveMode(Exception):
    """Live delivery is asked for."""


def mediation(publisher: MemoryPublisher, **options: Any) -> Mediation:
    table = load_table("identus-mediator")
    return Mediation(table, publisher, escalate_to="mailto:desk@example.org", service="mediator", **options)


async def test_a_report_under_one_request_id_and_digest(caplog: pytest.LogCaptureFixture) -> None:
    publisher = MemoryPublisher()
    with caplog.at_level(logging.INFO, "tocsin.mediation"):
        handled = await mediation(publisher).handle("M1", CONTEXT, encrypted=ENCRYPTED, request_id="r-1")
    (line,) = caplog.records
    said = "identus-mediator/M1: M1B, report e.p.req.not_enroll"
    assert line.getMessage() == f"{said} [request_id=r-1 msg_sha256={DIGEST}]"
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


async def test_what_the_peer_is_not_told_is_recorded() -> None:
    publisher = MemoryPublisher()
    report = Context(sender="did:x", message_type="https://didcomm.org/report-problem/2.0/problem-report")
    ignored = await mediation(publisher).handle("G2", report)
    assert (ignored.document, len(publisher.events)) == (None, 1)


async def test_a_reply_is_recorded_as_an_activity() -> None:
    publisher = MemoryPublisher()
    for _ in range(2):
        replied = await mediation(publisher).handle("M5", CONTEXT, encrypted=ENCRYPTED, request_id="r-1")
    assert (replied.problem, replied.document, replied.unrecorded) == (None, None, None)
    first, again = publisher.events
    assert isinstance(first, ActivityObserved)
    assert replied.receipt is not None
    assert first.event_id == again.event_id == replied.receipt.event_id, "the same step of the same request is one"
    assert (first.kind, first.message_id, first.thread_id, first.digest) == ("message_received", "m-1", "m-1", DIGEST)
    assert first.detail == {
        "request_id": "r-1",
        "mediation.scenario": "identus-mediator/M5",
        "mediation.behaviour": "M5A",
        "mediation.action": "reply",
        "mediation.code": "e.m.live-mode-not-supported",
        "mediation.reply_with": "https://didcomm.org/messagepickup/3.0/status",
        "mediation.message_base64": base64.b64encode(ENCRYPTED).decode(),
    }


async def test_a_reply_that_cannot_be_recorded_is_a_reply_all_the_same() -> None:
    publisher = MemoryPublisher()
    publisher.failures.append(PublishUnconfirmed("e", "away"))
    replied = await mediation(publisher).handle(LiveMode("no"), CONTEXT)
    assert (replied.decision.action, type(replied.unrecorded)) == ("reply", PublishUnconfirmed)
    assert replied.activity is not None
    assert replied.activity.detail["mediation.error"].endswith("LiveMode")


async def test_only_what_is_not_synchronous_is_dispatched() -> None:
    sent: list[Handled] = []

    async def dispatch(handled: Handled) -> None:
        sent.append(handled)

    at_work = mediation(MemoryPublisher(), dispatch=dispatch)
    await at_work.handle("M1", CONTEXT)
    await at_work.handle("G2", CONTEXT)  # a pickup flow: answered in the same exchange, whatever goes wrong
    await at_work.handle("G2", ELSEWHERE)
    assert [each.decision.scenario for each in sent] == ["G2"]


async def test_neither_a_dead_peer_nor_a_dead_bus_keeps_the_other_from_being_told() -> None:
    async def dispatch(handled: Handled) -> None:
        raise OSError("no route")

    publisher = MemoryPublisher()
    handled = await mediation(publisher, dispatch=dispatch).handle("G2", ELSEWHERE)
    assert isinstance(handled.undispatched, OSError)
    (event,) = publisher.events
    assert isinstance(event, ProblemReported)
    assert event.problem.extensions["mediation.dispatch"] == '"failed: OSError"'
    assert event.problem.extensions["mediation.dispatch_error"] == '"no route"'
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


@pytest.mark.parametrize(
    ("trouble", "context"),
    [
        pytest.param("M1", Context(message_id="m" * 100_000), id="a message id that is too long"),
        pytest.param("M1", Context(thread_id="t" * 300), id="a thread id that is too long"),
        pytest.param("M1", Context(message_id="?", thread_id="?"), id="ids that name nothing"),
        pytest.param("M4", Context(did="d" * 3_000, sender="s" * 3_000), id="a DID that is a whole document"),
        pytest.param("M4", Context(did="d" * 100_000, sender="s" * 100_000), id="addresses without end"),
        pytest.param("G8", Context(message_type="https://x/" + "y" * 3_000), id="a message type that is too long"),
        pytest.param("G8", Context(message_type="https://x/" + "y" * 1_010), id="a code that grows too long"),
        pytest.param("M1", Context(message_id="\ud800", sender="\ud800", did="\ud800"), id="text that is no text"),
        pytest.param("M1", Context(message_id=5, sender=["x"], did={}), id="JSON of other types"),  # type: ignore[arg-type]
        pytest.param(Unspeakable(), CONTEXT, id="an exception whose text cannot be had"),
        pytest.param(ValueError("x" * 100_000), CONTEXT, id="an exception that says too much"),
        pytest.param("M1", Context(did="x", values={"did": "\ud800"}), id="a value that is no text"),
    ],
)
async def test_nothing_that_a_peer_controls_is_an_exception(trouble: str | Exception, context: Context) -> None:
    publisher = MemoryPublisher()
    handled = await mediation(publisher).handle(trouble, context, encrypted=b"\xff", request_id="r\n" * 1_000)
    assert handled.unrecorded is None
    assert handled.document is not None
    assert len(publisher.events) == 1
    assert "\n" not in handled.request_id
    msgspec.json.encode(handled.document)


async def test_long_ids_stay_two() -> None:
    at_work = mediation(MemoryPublisher())
    one, other = [await at_work.handle("M1", Context(message_id="m" * 300 + end)) for end in "ab"]
    assert one.document is not None
    assert other.document is not None
    assert one.document["pthid"] != other.document["pthid"]


async def test_the_report_and_the_message_are_kept() -> None:
    publisher = MemoryPublisher()
    handled = await mediation(publisher).handle("M1", CONTEXT, encrypted=ENCRYPTED)
    (event,) = publisher.events
    assert isinstance(event, ProblemReported)
    kept = {name: msgspec.json.decode(value) for name, value in event.problem.extensions.items()}
    assert kept["mediation.report"] == handled.document
    assert base64.b64decode(kept["mediation.message_base64"]) == ENCRYPTED
    assert kept["mediation.dispatch"] == "in the same exchange, by the caller"
    await mediation(publisher).handle("M1", CONTEXT, encrypted=b"x" * 65_537)
    assert isinstance(publisher.events[1], ProblemReported)
    assert "mediation.message_base64" not in publisher.events[1].problem.extensions


async def test_two_errors_of_one_request_are_two() -> None:
    publisher = MemoryPublisher()
    troubles: list[tuple[str | Exception, Context]] = [
        (ValueError("a"), CONTEXT),
        (ValueError("b"), CONTEXT),
        (KeyError("a"), CONTEXT),
        ("M1", CONTEXT),
        ("M1", msgspec.structs.replace(CONTEXT, message_id="m-2")),
        ("M1", msgspec.structs.replace(CONTEXT, did="did:y")),
    ]
    for trouble, context in [*troubles, *troubles]:
        await mediation(publisher).handle(trouble, context, request_id="r-1")
    assert len({event.event_id for event in publisher.events}) == len(troubles)


async def test_whatever_the_bus_raises_the_peer_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    publisher = MemoryPublisher()
    publisher.failures.append(RuntimeError("closed"))
    handled = await mediation(publisher).handle("M1", CONTEXT, request_id="r-1")
    assert isinstance(handled.unrecorded, RuntimeError)
    assert handled.document is not None
    assert caplog.records[-1].getMessage() == "the problem was not recorded: RuntimeError [request_id=r-1]"


async def test_a_message_that_came_before_is_a_replay() -> None:
    publisher = MemoryPublisher()
    at_work = mediation(publisher, replays=MemorySeenIds())
    assert await at_work.seen(ENCRYPTED, CONTEXT) is None
    again = await at_work.seen(ENCRYPTED, CONTEXT)
    assert again is not None
    assert (again.decision.scenario, again.decision.code) == ("G1", "e.p.crypto.message.dejavu")
    assert again.message_sha256 == DIGEST
    assert await at_work.seen(b"another", CONTEXT) is None
    with pytest.raises(ValueError, match="no store"):
        await mediation(publisher).seen(ENCRYPTED)
