"""What a report says is said again when it is written: threads, the order of messages, items, where and when."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.dialects import read_parsed, write_document
from tocsin.schemas.problem import Problem

DETECTORS = [{"id": "did:x", "last": 2, "gaps": [1]}]
V2: dict[str, Any] = {
    "id": "m", "type": "https://didcomm.org/report-problem/2.0/problem-report", "thid": "t", "pthid": "p",
    "sender_order": 3, "received_orders": DETECTORS, "body": {"code": "e.p.xfer", "comment": "no"},
}  # fmt: skip
V2_WITH_A_DECORATOR = {name: V2[name] for name in ("id", "type", "pthid", "body")} | {
    "~thread": {"thid": "t", "sender_order": 3, "received_orders": {"did:x": 2}}
}
ARIES = {
    "@type": "https://didcomm.org/report-problem/1.0/problem-report", "@id": "m", "description": {"code": "no-route"},
    "~thread": {"thid": "t", "sender_order": 3, "received_orders": {"did:x": 2}},
}  # fmt: skip
HIPE = {
    "@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report", "@id": "m",
    "friendly-ltxt": {"en": "no route", "code": "no-route"}, "@thread": {"thid": "t", "seqnum": 3},
}  # fmt: skip
CANONICAL = {
    "dialect": "canonical", "code": "e.p.xfer", "text": "no", "thread_id": "t",
    "extensions": {"~thread.seqnum": "3", "~thread.received_orders": {"did:x": 2}},
}  # fmt: skip
BESIDE = {"dialect": "canonical", "code": "e.p.xfer", "thread_id": "t", "sender_order": 3}

MAP, LIST = {"did:x": 2}, [{"id": "did:x", "last": 2, "gaps": []}]
# what came, the dialect in which it goes out, what that says of the order
ORDERS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "v2 again": (V2, "didcomm-2.0", {"sender_order": 3, "received_orders": DETECTORS}),
    "v2 as RFC 0035": (V2, "aries-1.0", {"sender_order": 3, "received_orders": MAP}),
    "v2 with the decorator of v1": (
        V2_WITH_A_DECORATOR, "didcomm-2.0", {"sender_order": 3, "received_orders": LIST},
    ),
    "RFC 0035 again": (ARIES, "aries-1.0", {"sender_order": 3, "received_orders": MAP}),
    "RFC 0035 as v2": (ARIES, "didcomm-2.0", {"sender_order": 3, "received_orders": LIST}),
    "HIPE again": (HIPE, "hipe", {"seqnum": 3}),
    "HIPE as RFC 0035, which has another name": (HIPE, "aries-1.0", {"sender_order": 3}),
    "HIPE as v2": (HIPE, "didcomm-2.0", {"sender_order": 3}),
    "our own JSON as HIPE": (CANONICAL, "hipe", {"seqnum": 3, "received_orders": MAP}),
    "our own JSON as RFC 0035": (CANONICAL, "aries-1.0", {"sender_order": 3, "received_orders": MAP}),
    "our own JSON as v2": (CANONICAL, "didcomm-2.0", {"sender_order": 3, "received_orders": LIST}),
    "without a decorator": (BESIDE, "aries-1.0", {"sender_order": 3}),
    "as RFC 9457": (BESIDE, "rfc9457", {"sender_order": 3}),
    "what is no number": (BESIDE | {"sender_order": "third"}, "didcomm-2.0", {}),
    "true is no number": (BESIDE | {"sender_order": True}, "aries-1.0", {}),
    "orders that are neither a map nor a list": (BESIDE | {"received_orders": 2}, "didcomm-2.0", {"sender_order": 3}),
    "a map of which some say no number": (
        BESIDE | {"received_orders": {"did:x": 2, "did:y": "2"}}, "aries-1.0",
        {"sender_order": 3, "received_orders": MAP},
    ),
    "a list of something else": (BESIDE | {"received_orders": [2]}, "didcomm-2.0", {"sender_order": 3}),
}  # fmt: skip


@pytest.mark.parametrize(("document", "dialect", "expected"), ORDERS.values(), ids=list(ORDERS))
def test_the_order_of_messages(document: dict[str, Any], dialect: str, expected: dict[str, Any]) -> None:
    written = write_document(_read(document), dialect)
    holder: Any = written.get("~thread", written.get("@thread", written))
    assert {name: holder[name] for name in ("seqnum", "sender_order", "received_orders") if name in holder} == expected


# what came -> thid and pthid of a message of v2
THREADS: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "both are said": (V2, "t", "p"),
    "in the decorator of v1": (V2_WITH_A_DECORATOR, "t", "p"),
    "none but the message's own": ({**V2, "thid": "m"}, None, "p"),
    "its own is not stated": ({name: value for name, value in V2.items() if name != "thid"}, None, "p"),
    "the thread is the parent": ({**V2, "thid": "p"}, "p", "p"),
    "no parent is said": ({name: value for name, value in V2.items() if name != "pthid"}, "t", "t"),
    "a report of v1 is in the thread that it is about": (ARIES, None, "t"),
}


@pytest.mark.parametrize(("document", "thid", "pthid"), THREADS.values(), ids=list(THREADS))
def test_a_message_of_v2_keeps_its_threads(document: dict[str, Any], thid: str | None, pthid: str) -> None:
    written = write_document(_read(document), "didcomm-2.0")
    assert (written.get("thid"), written["pthid"]) == (thid, pthid)


def test_rfc_9457_says_the_whole_report_in_extensions() -> None:
    problem = _read(
        ARIES | {
            "description": {"en": "no route", "fr": "pas de route", "code": "no-route"},
            "problem_items": [{"hops": 3}, {"to": "bob"}], "who_retries": "you", "fix_hint": {"en": "ask again"},
            "where": "me - mediator", "noticed_time": "2019-05-27 18:23:06Z", "escalation_uri": "ops@example.org",
        }
    )  # fmt: skip
    written = write_document(problem, "rfc9457")
    said = {
        "message_id": "m",
        "localized": {"en": "no route", "fr": "pas de route"},
        "items": [{"key": "hops", "value": 3}, {"key": "to", "value": "bob"}],
        "retry_party": "recipient",
        "fix_hint": {"en": "ask again"},
        "where_party": "me",
        "where_place": "mediator",
        "noticed_at": "2019-05-27T18:23:06Z",
        "escalation_uri": "mailto:ops@example.org",
        "sender_order": 3,
    }
    assert {name: written.get(name) for name in said} == said


def _read(document: dict[str, Any]) -> Problem:
    found = read_parsed(document)
    assert isinstance(found, Problem)
    return found
