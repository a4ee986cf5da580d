"""What becomes of a log record and of a span: which are problems, with which code, text and context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.message import Message

from tests.harness.otlp_exports import AT, BOOM, SERVICE, SPAN_ID, TRACE_ID, exception, log, logs, span, traces
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.sources.otlp import LOGS, PROTOBUF, TRACES, Export, Signal, read_export
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.problem import Severity
from tocsin.streams.rules.stages.same_event import digest_of

NOW = AT // 1000 + 5_000_000
TRACEPARENT = f"00-{TRACE_ID.hex()}-{SPAN_ID.hex()}-01"


def read(export: Message, tenant: str = "acme", now: int = NOW) -> Export:
    signal: Signal = LOGS if "logs" in export.DESCRIPTOR.full_name else TRACES
    return read_export(export.SerializeToString(), PROTOBUF, signal, tenant=tenant, now=now)


def one(export: Message) -> ProblemReported:
    [event] = read(export).events.values()
    assert decode(encode(event)) == event
    return event


def items(event: ProblemReported) -> dict[str | None, str]:
    return {item.key: item.value for item in event.problem.items}


KEPT = {
    "an error": (log(), "e.p.me.log.app.orders", Severity.ERROR),
    "a fatal one": (log(severity_number=24), "e.p.me.log.app.orders", Severity.ERROR),
    "an error by its word alone": (log(severity_number=0), "e.p.me.log.app.orders", Severity.ERROR),
    "a critical one by its word": (log(severity_number=0, severity_text="critical"), "e.p.me.log.app.orders", "error"),
    "an exception": (log(said=BOOM), "e.p.me.boom", Severity.ERROR),
    "a warning with an exception": (log(said=BOOM, severity_number=13), "e.p.me.boom", Severity.WARNING),
    "information with an exception": (log(said=BOOM, severity_number=9), "e.p.me.boom", Severity.WARNING),
    "an exception without a severity": (log(said=BOOM, severity_number=0, severity_text=""), "e.p.me.boom", "unknown"),
    "a warning whose exception has no class": (
        log(said={"exception.message": "m"}, severity_number=13), "w.p.me.log.app.orders", Severity.WARNING,
    ),
    "a code of its own": (log(said=BOOM | {"tocsin.code": "e.p.xfer.bank"}), "e.p.xfer.bank", Severity.ERROR),
}  # fmt: skip
NOT_KEPT = {
    "information": log(severity_number=9, severity_text="ERROR"),
    "a warning": log(severity_number=16, severity_text="WARN"),
    "a warning by its word": log(severity_number=0, severity_text="WARNING"),
    "neither number nor word": log(severity_number=0, severity_text=""),
}


@pytest.mark.parametrize(("record", "code", "severity"), KEPT.values(), ids=KEPT)
def test_a_log_record_that_is_a_problem(record: Any, code: str, severity: str) -> None:
    problem = one(logs(record)).problem
    assert (problem.code, problem.severity) == (code, severity)


@pytest.mark.parametrize("record", NOT_KEPT.values(), ids=NOT_KEPT)
def test_a_log_record_that_is_none(record: Any) -> None:
    export = read(logs(record))
    assert (export.events, export.counts) == ({}, {"log": 1})


CLASSES = {
    "java.net.ConnectException": "connect-exception",
    "java.util.Map$Entry": "entry",
    "ValueError": "value-error",
    "app.main.<locals>.HTTPStatusError": "http-status-error",
    "Foo::BarError": "bar-error",
    "App\\Exceptions\\Refused": "refused",
    "*errors.errorString": "error-string",
    "github.com/acme/pay.Declined": "declined",
    "ECONNREFUSED": "econnrefused",
    "Ärger": "rger",
    "...": "log.app.orders",
    "💥": "exception",
}


@pytest.mark.parametrize(("kind", "code"), CLASSES.items(), ids=CLASSES)
def test_the_class_of_an_exception_in_any_language(kind: str, code: str) -> None:
    assert one(logs(log(said={"exception.type": kind}))).problem.code == f"e.p.me.{code}"


def test_what_is_told_of_a_log_record() -> None:
    said = BOOM | {
        "code.file.path": "/srv/app/orders.py",
        "code.line.number": 7,
        "code.function.name": "pay",
        "n": [1, {"a": None}],
    }
    event = one(logs(log("order 7 failed", said, in_span=True, event_name="order.failed")))
    problem = event.problem
    assert (event.tenant, event.traceparent, event.occurred_at, event.recorded_at) == (
        "acme",
        TRACEPARENT,
        AT // 1000,
        NOW,
    )
    assert (problem.text, problem.source.service) == ("order 7 failed: bad 7", "shop")
    assert problem.http is not None
    assert (problem.http.title, problem.http.detail) == ("Boom", "bad 7")
    assert {name: parse_json(text.encode()) for name, text in problem.extensions.items()} == {
        "stack_trace": "Traceback ..."
    }
    assert items(event) == {
        "exception": "app.errors.Boom", "logger": "app.orders", "level": "ERROR", "event": "order.failed",
        "logged_at": "orders.py:7 pay", "instance": "i-1", "environment": "prod", "n": '[1,{"a":null}]',
    }  # fmt: skip


def test_what_is_told_of_a_span() -> None:
    event = one(traces(span(exception(), said={"http.route": "/pay", "tocsin.thread_id": "t-1"}, trace_state="a=b")))
    assert (event.traceparent, event.tracestate, event.problem.thread_id) == (TRACEPARENT, "a=b", "t-1")
    assert (event.problem.text, event.problem.code) == ("bad 7", "e.p.me.boom")
    assert {name: items(event)[name] for name in ("span", "http.route", "logger")} == {
        "span": "work", "http.route": "/pay", "logger": "app",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("export", "counts"),
    [
        (traces(span()), {"span": 1}),
        (traces(span(exception({"message.id": 1}))), {"span": 1}),
        (traces(), {}),
        (logs(), {}),
    ],
    ids=["a span", "a span with an event of another kind", "no span", "no record"],
)
def test_what_tells_no_error(export: Message, counts: Mapping[str, int]) -> None:
    found = read(export)
    assert (found.events, found.counts) == ({}, counts)


def test_context_is_said_by_attributes_and_the_nearest_counts() -> None:
    said = {
        "tocsin.thread_id": "t-1",
        "tocsin.connection": "c-1",
        "tocsin.record_id": 7,
        "tocsin.recipients": ["did:x", "did:y"],
    }
    event = one(
        traces(
            span(exception(BOOM | {"tocsin.thread_id": "t-2"}), said=said), resource=SERVICE | {"tocsin.wallet": "w"}
        )
    )
    source = event.problem.source
    assert (event.problem.thread_id, source.connection, source.record_id, source.recipients, source.wallet) == (
        "t-2", "c-1", "7", ["did:x", "did:y"], "w",
    )  # fmt: skip


UNUSABLE = {
    "an id that is too long": {"tocsin.thread_id": "t" * 256},
    "an id with control characters": {"tocsin.thread_id": "a\nb"},
    "an id that is a list": {"tocsin.thread_id": ["a"]},
    "a code that is too long": {"tocsin.code": "e" * 5000},
    "a code that is a number": {"tocsin.code": 7},
}


@pytest.mark.parametrize("said", UNUSABLE.values(), ids=UNUSABLE)
def test_an_attribute_that_cannot_be_used_is_flagged_and_says_nothing(said: dict[str, Any]) -> None:
    problem = one(logs(log(said=BOOM | said))).problem
    [violation] = problem.violations
    assert (violation.pointer, problem.thread_id, problem.code) == (f"/attributes/{min(said)}", None, "e.p.me.boom")


@pytest.mark.parametrize("name", ["a\nb", "n" * 3000, ["a"], {"a": 1}, True])
def test_a_name_of_a_service_that_cannot_be_used_is_flagged(name: Any) -> None:
    problem = one(logs(log(), resource={"service.name": name})).problem
    assert ([each.pointer for each in problem.violations], problem.source.service) == (
        ["/attributes/service.name"],
        None,
    )


@pytest.mark.parametrize("where", ["resource", "record"])
def test_no_attribute_chooses_the_tenant(where: str) -> None:
    said = {"tocsin.tenant": "other", "tenant": "other"}
    on = {"resource": (said, {}), "record": ({}, said)}[where]
    event = one(logs(log(said=on[1]), resource=SERVICE | on[0]))
    assert event.tenant == "acme"
    assert event.event_id != next(iter(read(logs(log(said=on[1]), resource=SERVICE | on[0]), "other").events))


IDENTITY = {
    "a resend": (logs(log()), logs(log()), True),
    "a span and the log of its exception": (traces(span(exception())), logs(log("failed", BOOM, in_span=True)), True),
    "a span and a log that says no package": (
        traces(span(exception())), logs(log(said=BOOM | {"exception.type": "Boom"}, in_span=True)), True,
    ),
    "recorded twice, as by record_exception and then by leaving the span": (
        traces(span(exception(), exception(at=AT + 999))), traces(span(exception())), True,
    ),
    "the same of another span": (traces(span(exception())), traces(span(exception(), span_id=b"\1" * 8)), False),
    "the same an hour later": (traces(span(exception())), traces(span(exception(at=AT + 3600 * 10**9))), False),
    "another message": (
        traces(span(exception())), traces(span(exception(BOOM | {"exception.message": "bad 8"}))), False,
    ),
    "the same of another record": (
        logs(log(said=BOOM | {"tocsin.record_id": "1"}, in_span=True)),
        logs(log(said=BOOM | {"tocsin.record_id": "2"}, in_span=True)), False,
    ),
    "the same words a moment later": (logs(log()), logs(log(time_unix_nano=AT + 1)), False),
    "the same of another instance": (
        logs(log()), logs(log(), resource=SERVICE | {"service.instance.id": "i-2"}), False,
    ),
    "an id of another size": (logs(log(said=BOOM, trace_id=b"\1", span_id=SPAN_ID)), logs(log(said=BOOM)), False),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other", "same"), IDENTITY.values(), ids=IDENTITY)
def test_which_occurrences_are_one(one: Message, other: Message, same: bool) -> None:
    [first], [second] = read(one).events.values(), read(other, now=NOW + 10**9).events.values()
    assert (first.event_id == second.event_id) is same
    if same:
        assert digest_of(first) == digest_of(second), "or it would be a conflict"


OWN = {
    "a span of the bus": traces(span(exception()), resource={"service.name": "renamed", "tocsin.process": "gateway"}),
    "a log of the bus": logs(log(), resource={"tocsin.process": "gateway"}),
    "a log of the bus's client": logs(log(), scope="tocsin.connectors.publish"),
    "a log of the exporter": logs(log(said=BOOM), scope="opentelemetry.exporter.otlp.proto.http._log_exporter"),
}


@pytest.mark.parametrize("export", OWN.values(), ids=OWN)
def test_nothing_of_the_bus_or_of_the_way_to_it_is_a_problem(export: Message) -> None:
    found = read(export)
    assert (found.events, found.counts) == ({}, {"own": 1})


def test_a_library_that_traces_is_no_exporter() -> None:
    assert one(traces(span(exception()), scope="opentelemetry.instrumentation.flask")).problem.code == "e.p.me.boom"
