"""What becomes of the events of Sentry's SDKs: code, severity, words, context, items; and what never does."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.publish import Origin
from tocsin.connectors.sources.port import Heard, Message
from tocsin.connectors.sources.sentry import ENVELOPES, NOT_TAKEN, STORE
from tocsin.connectors.sources.sentry.stacks import MAX_TRACE
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported

EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
NOW = 1_800_000_000_000_000


def heard(
    kind: str, payload: object, project: str = "1", tenant: str = "t", now: int = NOW, **headers: object
) -> Heard:
    """What an envelope of one item becomes."""
    body = b"\n".join(json.dumps(one).encode() for one in (headers, {"type": kind}, payload))
    found = ENVELOPES.read(Message(body=body, origin=Origin(tenant=tenant), topic=project, now=now))
    assert isinstance(found, list)
    [one] = found
    return one


def reported(event: dict[str, Any], **more: Any) -> ProblemReported:
    """The problem that an event becomes."""
    [found] = heard("event", event, **more).events
    assert isinstance(found, ProblemReported)
    return found


def items(event: dict[str, Any]) -> dict[str, list[str]]:
    """What is told of an event, by key."""
    told = dict[str, list[str]]()
    for item in reported(event).problem.items:
        told.setdefault(item.key or "", []).append(item.value)
    return told


def raised(name: str = "ValueError", words: str = "no", **more: object) -> dict[str, Any]:
    """An exception, as SDKs write it."""
    return {"type": name, "value": words} | more


def frames(*places: tuple[str, int, str]) -> dict[str, Any]:
    """A stack, as SDKs write it."""
    return {"frames": [{"filename": file, "lineno": line, "function": of} for file, line, of in places]}


BECOME: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "an exception": ({"level": "error", "exception": {"values": [raised()]}}, "e.p.me.value-error", "error", "no"),
    "an exception in a list": ({"exception": [raised()]}, "e.p.me.value-error", "error", "no"),
    "an exception alone": ({"exception": raised()}, "e.p.me.value-error", "error", "no"),
    "an exception of JavaScript": ({"exception": {"values": [raised("TypeError", "x is not a function")]}},
                                   "e.p.me.type-error", "error", "x is not a function"),
    "an exception of Java": ({"exception": {"values": [raised("SQLException", "gone", module="java.sql")]}},
                             "e.p.me.sql-exception", "error", "gone"),
    "an exception without a type": ({"exception": {"values": [{"value": "odd"}]}}, "e.p.me.error", "error", "odd"),
    "an exception without words": ({"exception": {"values": [{"type": "E"}]}}, "e.p.me.e", "error", "E"),
    "the last one is what was raised": ({"exception": {"values": [raised("KeyError", "k"), raised("IOError", "io")]}},
                                        "e.p.me.io-error", "error", "io"),
    "an exception that is only information": ({"level": "info", "exception": [raised()]},
                                              "e.p.me.value-error", "warning", "no"),
    "a warning with an exception": ({"level": "warning", "exception": [raised()]},
                                    "e.p.me.value-error", "warning", "no"),
    "a warning that nobody caught": ({"level": "warning", "exception": [raised(mechanism={"handled": False})]},
                                     "e.p.me.value-error", "error", "no"),
    "fatal": ({"level": "fatal", "message": "m"}, "e.p.me.log", "error", "m"),
    "a message without a level": ({"message": "m"}, "e.p.me.log", "error", "m"),
    "a level that nobody knows": ({"level": "dire", "message": "m"}, "e.p.me.log", "error", "m"),
    "a warning": ({"level": "warning", "message": "m"}, "w.p.me.log", "warning", "m"),
    "a message in an object": ({"message": {"formatted": "a b", "message": "a %s"}}, "e.p.me.log", "error", "a b"),
    "what a logger said": ({"logger": "app.Orders", "logentry": {"message": "no %s", "formatted": "no ink"}},
                           "e.p.me.log.app.orders", "error", "no ink"),
    "what a logger said of an exception": ({"logger": "app", "logentry": {"message": "cannot"},
                                            "exception": [raised()]}, "e.p.me.value-error", "error", "cannot: no"),
    "a code of its own": ({"tags": {"code": "e.p.xfer.away"}, "exception": [raised()]}, "e.p.xfer.away", "error", "no"),
    "a code of ours": ({"tags": {"code": "42", "problem_code": "e.p.msg"}, "message": "m"}, "e.p.msg", "error", "m"),
    "a code that is none": ({"tags": {"code": " "}, "exception": [raised()]}, "e.p.me.value-error", "error", "no"),
    "nothing at all": ({}, "e.p.me.log", "error", "an event without words"),
    "half an emoji": ({"message": "\ud83d"}, "e.p.me.log", "error", "\\ud83d"),
    "NaN beside it": ({"message": "m", "extra": {"x": float("nan")}}, "e.p.me.log", "error", "m"),
}  # fmt: skip


@pytest.mark.parametrize(("event", "code", "severity", "text"), BECOME.values(), ids=BECOME)
def test_becomes(event: dict[str, Any], code: str, severity: str, text: str) -> None:
    problem = reported(event).problem
    assert (problem.code, str(problem.severity), problem.text) == (code, severity, text)
    assert reported(event).raw == b""


@pytest.mark.parametrize("level", ["info", "debug", "INFO", "log"])
def test_what_is_only_said_is_no_problem(level: str) -> None:
    assert heard("event", {"level": level, "message": "m"}) == Heard(what="event")


def test_a_transaction_is_no_problem_wherever_it_comes() -> None:
    event = json.dumps({"type": "transaction", "exception": None}).encode()
    found = STORE.read(Message(body=event, origin=Origin(tenant="t"), topic="1", now=NOW))
    assert found == [Heard(what="event")]


@pytest.mark.parametrize("kind", [*NOT_TAKEN, "something_new"])
def test_other_items_become_nothing_and_are_not_looked_at(kind: str) -> None:
    assert heard(kind, "\x00 no JSON {") == Heard(what=kind)


PYTHON = {
    "level": "error", "platform": "python", "release": "app@1.2", "environment": "prod", "server_name": "host-1",
    "transaction": "orders.print", "logger": "app", "fingerprint": ["{{ default }}", "ink"],
    "sdk": {"name": "sentry.python", "version": "2.75.0"}, "timestamp": "2026-11-22T19:00:00.250000Z",
    "contexts": {"trace": {"trace_id": "ab" * 16, "span_id": "cd" * 8}, "os": {"name": "Linux"}},
    "tags": {"thread_id": "t-1", "connectionId": "c-1", "record_id": "r-1", "color": "red"},
    "exception": {"values": [
        raised("KeyError", "'k'", stacktrace=frames(("app/shelf.py", 7, "look"))),
        raised("ConnectionError", "cannot reach db", module="app.errors",
               stacktrace=frames(("/srv/app/main.py", 3, "<module>"), ("C:\\app\\db.py", 40, "ask"))),
    ]},
}  # fmt: skip


def test_what_is_told() -> None:
    event = reported(PYTHON)
    problem = event.problem
    assert {(item.key, item.value) for item in problem.items} == {
        ("logger", "app"), ("level", "error"), ("release", "app@1.2"), ("environment", "prod"),
        ("server_name", "host-1"), ("transaction", "orders.print"), ("color", "red"),
        ("exception", "app.errors.ConnectionError"), ("raised_at", "db.py:40 ask"), ("caused_by", "KeyError: 'k'"),
        ("stack", "main.py:3 <module>\ndb.py:40 ask"),
    }  # fmt: skip
    source = problem.source
    assert (source.service, source.connection, source.record_id, problem.thread_id) == (
        "project-1",
        "c-1",
        "r-1",
        "t-1",
    )
    assert event.occurred_at == problem.noticed_at == 1_795_374_000_250_000
    assert event.traceparent == f"00-{'ab' * 16}-{'cd' * 8}-00"
    assert problem.http is not None
    assert (problem.http.title, problem.http.detail) == ("ConnectionError", "cannot reach db")
    kept = {name: parse_json(value.encode()) for name, value in problem.extensions.items()}
    assert kept == {
        "platform": "python", "sdk": "sentry.python/2.75.0", "fingerprint": ["{{ default }}", "ink"],
        "stack_trace": [
            {"exception": "app.errors.ConnectionError", "frames": ["db.py:40 ask", "main.py:3 <module>"]},
            {"exception": "KeyError", "frames": ["shelf.py:7 look"]},
        ],
    }  # fmt: skip


def test_what_is_private_is_nowhere() -> None:
    private = {
        "user": {"email": "canary"}, "request": {"data": "canary", "headers": {"Cookie": "canary"}, "url": "canary"},
        "breadcrumbs": {"values": [{"message": "canary"}]}, "extra": {"body": "canary"}, "modules": {"canary": "1"},
        "contexts": {"device": {"name": "canary"}}, "threads": {"values": [{"name": "canary"}]},
        "exception": {"values": [raised(stacktrace={"frames": [
            {"filename": "/srv/canary/a.py", "abs_path": "/srv/canary/a.py", "lineno": 1, "vars": {"x": "canary"},
             "context_line": "canary", "pre_context": ["canary"], "post_context": ["canary"]},
            {"filename": "https://shop.example/canary/app.js?canary", "lineno": 2},
        ]})]},
    }  # fmt: skip
    assert "canary" not in repr(reported(PYTHON | private))


GROUP = {"exception": {"values": [
    raised("TypeError", "b", mechanism={"source": "exceptions[0]", "parent_id": 2, "exception_id": 3}),
    raised("ExceptionGroup", "in", mechanism={"source": "exceptions[1]", "is_exception_group": True}),
    raised("ValueError", "a", mechanism={"source": "exceptions[0]"}, stacktrace=frames(("a.py", 1, "f"))),
    raised("OSError", "why", mechanism={"source": "__cause__"}),
    raised("ExceptionGroup", "both", mechanism={"is_exception_group": True, "exception_id": 0}),
]}}  # fmt: skip


def test_groups() -> None:
    told = items(GROUP)
    assert (told["among"], told["caused_by"]) == (["ValueError: a at a.py:1 f", "TypeError: b"], ["OSError: why"])


def test_much_is_bounded() -> None:
    deep = [
        raised(f"E{n}", "x" * 5000, stacktrace=frames(*(("f.py", m, "g" * 300) for m in range(300)))) for n in range(90)
    ]
    event = {"exception": {"values": deep}, "tags": {f"t{n}": "y" * 900 for n in range(500)}, "release": "z" * 9000}
    problem, told = reported(event).problem, items(event)
    assert len(told["caused_by"]) == 5
    assert told["stack"][0].count("\n") == 25
    assert "... 175 more ..." in told["stack"][0]
    assert len([name for name in told if name.startswith("t")]) == 32
    assert max(len(value) for values in told.values() for value in values) <= 26 * 210
    assert len(problem.extensions["stack_trace"]) <= MAX_TRACE + 100
    assert len(reported(event).problem.text or "") == 2048


def test_a_handled_exception_says_nothing_of_it_and_one_that_was_not_does() -> None:
    assert items({"exception": [raised(mechanism={"handled": False})]})["handled"] == ["no"]
    assert "handled" not in items({"exception": [raised(mechanism={"handled": True})]})


TAGS: dict[str, tuple[object, dict[str, str | None]]] = {
    "by our names": ({"thread_id": "t", "parent_thread_id": "p", "record_type": "credential", "side": "peer"},
                     {"thread_id": "t", "parent_thread_id": "p", "record_type": "credential", "side": "peer"}),
    "by usual names": ({"thid": "t", "connectionId": "c", "walletId": "w"},
                       {"thread_id": "t", "connection": "c", "wallet": "w"}),
    "in pairs": ([["thread_id", "t"], ["record-id", 7], ["odd"], "x", None], {"thread_id": "t", "record_id": "7"}),
    "a service": ({"service": "printer"}, {"service": "printer"}),
    "none": (None, {"service": "project-1", "thread_id": None}),
    "what can be no id": ({"thread_id": "x" * 256, "side": "left", "record_id": "r"},
                          {"thread_id": None, "side": None, "record_id": "r"}),
    "empty ones": ({"thread_id": "", "record_id": None}, {"thread_id": None, "record_id": None}),
    "a task of Celery": ({"celery_task_id": "0af"}, {"job": "orders.print"}),
}  # fmt: skip


@pytest.mark.parametrize(("tags", "context"), TAGS.values(), ids=TAGS)
def test_tags_say_the_context(tags: object, context: dict[str, str | None]) -> None:
    problem = reported({"message": "m", "tags": tags, "transaction": "orders.print"}).problem
    assert {name: getattr(problem, name, None) or getattr(problem.source, name, None) for name in context} == context


def test_what_can_be_no_context_is_flagged() -> None:
    problem = reported({"message": "m", "tags": {"thread_id": "x" * 256}}).problem
    assert [(one.rule, one.pointer) for one in problem.violations] == [("context-not-usable", "/tags/thread_id")]
    assert not problem.conformant


def test_what_a_logger_was_given_says_the_context_and_a_tag_counts_before_it() -> None:
    extra = {"thread_id": "of the record", "record_id": "r", "problem_code": "e.p.msg", "secret": "canary"}
    problem = reported({"message": "m", "tags": {"thread_id": "t"}, "extra": extra}).problem
    assert (problem.thread_id, problem.source.record_id, problem.code) == ("t", "r", "e.p.msg")
    assert "canary" not in repr(problem)


def test_the_id_of_the_sdk_is_the_identity() -> None:
    first = reported({"event_id": EVENT_ID, "message": "m"})
    assert first.problem.extensions["event_id"] == f'"{EVENT_ID}"'
    again = {
        "sent again, otherwise": reported({"message": "m2", "event_id": EVENT_ID.upper(), "level": "fatal"}),
        "in the envelope": reported({"message": "m"}, event_id="9ec79c33-ec99-42ab-8353-589fcb2e04dc"),
    }
    assert {event.event_id for event in again.values()} == {first.event_id}
    store = STORE.read(
        Message(body=json.dumps({"event_id": EVENT_ID}).encode(), origin=Origin(tenant="t"), topic="1", now=NOW + 5)
    )
    assert isinstance(store, list)
    assert store[0].events[0].event_id == first.event_id
    others = {
        first.event_id,
        reported({"event_id": EVENT_ID, "message": "m"}, project="2").event_id,
        reported({"event_id": EVENT_ID, "message": "m"}, tenant="u").event_id,
        reported({"event_id": "x", "message": "m"}).event_id,
        reported({"message": "m"}).event_id,
        reported({"message": "m3"}).event_id,
    }
    assert len(others) == 6
    assert reported({"message": "m"}).event_id in others


@pytest.mark.parametrize("header", [b"{}", b'{"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}'])
def test_two_events_of_one_envelope_without_ids_are_two(header: bytes) -> None:
    body = header + b'\n{"type":"event"}\n{"message":"m"}\n{"type":"event"}\n{"message":"m"}'
    found = ENVELOPES.read(Message(body=body, origin=Origin(tenant="t"), topic="1", now=NOW))
    assert isinstance(found, list)
    assert len({event.event_id for one in found for event in one.events}) == 2


def test_the_request_that_tells_of_an_error_is_not_the_one_that_failed() -> None:
    origin = Origin(tenant="t", request_id="of the proxy")
    found = STORE.read(Message(body=b'{"message":"m"}', origin=origin, topic="1", now=NOW))
    assert isinstance(found, list)
    [event] = found[0].events
    assert isinstance(event, ProblemReported)
    assert event.problem.request_id is None
    assert reported({"message": "m", "tags": {"request_id": "r-1"}}).problem.request_id == "r-1"


def test_a_time_ahead_of_ours_is_not_believed() -> None:
    ahead = {"message": "m", "timestamp": time.time() + 10**8}
    assert reported(ahead).occurred_at == NOW
    assert reported({"message": "m", "timestamp": 1_799_999_999.5}).occurred_at == NOW - 500_000


CHECK_INS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "it began": ({"status": "in_progress"}, [("job_started", "nightly")]),
    "it ended": ({"status": "ok", "duration": 2.5}, [("job_finished", "nightly")]),
    "it failed": ({"status": "error", "duration": 3}, [("job_finished", "nightly"), ("e.p.me.job-failed", "nightly")]),
    "a status that nobody knows": ({"status": "?"}, [("job_started", "nightly")]),
}


@pytest.mark.parametrize("named", [{"check_in_id": "83a7c03ed0a04e1b97e2e3b18d38f244"}, {}], ids=["named", "nameless"])
@pytest.mark.parametrize(("check_in", "expected"), CHECK_INS.values(), ids=CHECK_INS)
def test_check_ins(check_in: dict[str, Any], expected: list[tuple[str, str]], named: dict[str, str]) -> None:
    payload = {"monitor_slug": "nightly", **named, **check_in}
    events = heard("check_in", payload).events
    assert [
        (str(event.kind), event.job or "") if isinstance(event, ActivityObserved)
        else (event.problem.code, event.problem.source.job or "")
        for event in events if isinstance(event, ActivityObserved | ProblemReported)
    ] == expected  # fmt: skip
    assert len({event.event_id for event in events}) == len(events)
    assert heard("check_in", payload).events == events


@pytest.mark.parametrize("run", [None, "0" * 32, "00000000-0000-0000-0000-000000000000"])
def test_each_night_a_job_without_a_run_of_its_own_fails_anew(run: str | None) -> None:
    payload = {"monitor_slug": "nightly", "status": "error", "check_in_id": run}
    first, again, next_night = (
        heard("check_in", payload, now=NOW + later * 1_000_000).events for later in (0, 10, 24 * 3600)
    )
    ids = [{event.event_id for event in events} for events in (first, again, next_night)]
    assert ids[0] == ids[1]
    assert not ids[0] & ids[2]
    assert len(ids[0]) == 2
    activity = first[0]
    assert isinstance(activity, ActivityObserved)
    assert "run" not in activity.detail


def test_what_a_check_in_says_of_a_run() -> None:
    payload = {"monitor_slug": "nightly", "check_in_id": "r1", "status": "error", "duration": 3, "environment": "prod"}
    activity, failed = heard("check_in", payload).events
    assert isinstance(activity, ActivityObserved)
    assert activity.kind is ActivityKind.JOB_FINISHED
    assert activity.detail == {"run": "r1", "outcome": "failed", "seconds": "3", "environment": "prod"}
    assert isinstance(failed, ProblemReported)
    assert (failed.problem.text, failed.problem.source.service) == ("The job nightly failed", "project-1")
