"""What another bus tells by webhook is read as the problem inside."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.dialects import NotAProblem, Unreadable, Unwritable, detect, notification, read_parsed
from tocsin.connectors.dialects.notification import MAX_HOPS
from tocsin.schemas.problem import Problem


def a_notification(kind: str = "problem.opened", **data: Any) -> dict[str, Any]:
    inner = {"event_id": "e", "case": "c", "tenant": "t", "problem": {"code": "e.p.x"}} | data
    return {"type": kind, "timestamp": "2026-11-22T19:00:00.000Z", "data": inner}


def read(document: object) -> Problem:
    found = notification.read(document)
    assert isinstance(found, Problem)
    return found


def test_the_problem_inside() -> None:
    problem = read(
        a_notification(
            problem={
                "dialect": "didcomm-2.0",
                "code": "e.p.xfer",
                "thread_id": "t1",
                "conformant": False,
                "violations": [{"rule": "r", "pointer": "/p"}],
                "noticed_at": "2026-11-22T18:23:06.120Z",
                "source": {"sender": "did:example:a"},
                "extensions": {"number": "42", "list": [1], "text": "x"},
            }
        )
    )
    assert (problem.dialect, problem.code, problem.thread_id, problem.severity) == (
        "didcomm-2.0",
        "e.p.xfer",
        "t1",
        "error",
    )
    assert (problem.conformant, problem.violations[0].rule, problem.noticed_at) == (False, "r", 1_795_371_786_120_000)
    assert problem.source.sender == "did:example:a"
    assert problem.extensions == {
        "number": '"42"',
        "list": "[1]",
        "text": '"x"',
        "tocsin.hops": "1",
        "tocsin.origin": '{"event_id":"e","case":"c","tenant":"t"}',
    }


HOPS = {
    "nothing said": ({}, "1"),
    "three buses so far": ({"hops": 3}, "4"),
    "only the problem says it": ({"problem": {"code": "x", "extensions": {"tocsin.hops": 3}}}, "4"),
    "the notification says it, too": ({"hops": 5, "problem": {"code": "x", "extensions": {"tocsin.hops": 3}}}, "6"),
    "no number": ({"hops": "5"}, "1"),
    "true": ({"hops": True}, "1"),
    "less than none": ({"hops": -5}, "1"),
    "far too many": ({"hops": 10**30}, str(MAX_HOPS + 1)),
    "nonsense in the problem": ({"problem": {"code": "x", "extensions": {"tocsin.hops": "x"}}}, "1"),
}


@pytest.mark.parametrize(("data", "hops"), HOPS.values(), ids=HOPS)
def test_each_bus_counts_itself(data: dict[str, Any], hops: str) -> None:
    assert read(a_notification(**data)).extensions["tocsin.hops"] == hops


NOTIFICATIONS = {
    "an escalation": a_notification("escalation.stepped"),
    "a time-out": a_notification("timeout.noticed", problem=None),
    "something resolved": a_notification("problem.resolved"),
    "a digest without a problem": a_notification("problem.digest", problem=None),
    "a notification of a later release": a_notification("weather.changed"),
}


@pytest.mark.parametrize("notification", NOTIFICATIONS.values(), ids=NOTIFICATIONS)
def test_notifications_that_report_no_problem(notification: dict[str, Any]) -> None:
    found = read_parsed(notification)
    assert isinstance(found, NotAProblem)
    assert found.dialect == "tocsin-notification"


def test_a_digest_is_read_as_its_last_problem() -> None:
    assert read(a_notification("problem.digest", count=9)).code == "e.p.x"


def test_an_overflow_form_says_what_is_missing() -> None:
    problem = read(a_notification(overflow={"bytes": 70_000, "limit": 65_536, "omitted": ["args"]}))
    assert problem.extensions["tocsin.overflow"] == '{"bytes":70000,"limit":65536,"omitted":["args"]}'


BROKEN = {
    "no object": ([], "", "wrong_type"),
    "no type": ({"timestamp": "x", "data": {}}, "/type", "missing_member"),
    "data that is no object": ({"type": "problem.opened", "data": []}, "/data", "wrong_type"),
    "no problem in it": (a_notification(problem=None), "/data/problem", "wrong_type"),
    "a problem without a code": (a_notification(problem={}), "/data/problem/code", "missing_member"),
    "a list for a text": (a_notification(problem={"code": "x", "text": []}), "/data/problem/text", "wrong_type"),
}


@pytest.mark.parametrize(("document", "pointer", "reason"), BROKEN.values(), ids=BROKEN)
def test_broken_notifications(document: object, pointer: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        notification.read(document)
    assert (caught.value.pointer, caught.value.reason) == (pointer, reason)


SHAPES = {
    "ours": (a_notification(), "tocsin-notification"),
    "somebody else's webhook": ({"type": "invoice.paid", "timestamp": "x", "data": {"id": 1}, "title": "t"}, "rfc9457"),
    "a message of DIDComm": ({**a_notification(), "id": "m", "body": {"code": "e.p.x"}}, "tocsin-notification"),
}


@pytest.mark.parametrize(("document", "dialect"), SHAPES.values(), ids=SHAPES)
def test_how_it_is_known(document: dict[str, Any], dialect: str) -> None:
    assert detect(document) == dialect


def test_only_a_bus_writes_notifications() -> None:
    with pytest.raises(Unwritable):
        notification.write(Problem(dialect="canonical", code="x"))
