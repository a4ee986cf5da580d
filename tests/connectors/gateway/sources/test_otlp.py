"""Exports by OTLP/HTTP: answered as exporters expect it, stored before they are, and nobody feeds on himself."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import aiohttp
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from prometheus_client import CollectorRegistry

from tests.connectors.gateway.conftest import Gateway, serving
from tests.harness.otlp_exports import AT, BOOM, SERVICE, as_json, exception, log, logs, span, traces
from tocsin.connectors.gateway import Access, GatewayConfig, Rate, build_gateway
from tocsin.connectors.gateway.ports import Ports
from tocsin.connectors.publish import KafkaAway, MemoryPublisher
from tocsin.connectors.sources.otlp import JSON, PROTOBUF
from tocsin.connectors.tracing import NO_TRACING, Span, Tracing
from tocsin.streams.telemetry.spans import OtelTracing

BROKEN = b"\x0a\x07\x12\x05\x12\x03\x1a\x01\xff"
"""A log record whose severity is no UTF-8."""
FAILED = "a log: expected protobuf, with texts in UTF-8"


async def export(
    gateway: Gateway, body: bytes, path: str = "/v1/logs", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    said = {"content-type": PROTOBUF} | {name.replace("_", "-"): text for name, text in headers.items()}
    async with gateway.http.post(path, data=body, headers=said) as answer:
        return answer.status, await answer.read(), {name.lower(): text for name, text in answer.headers.items()}


async def counted_by_kind(gateway: Gateway) -> dict[tuple[str, str], float]:
    """Records by kind and what became of them."""
    found = {}
    async with gateway.http.get("/metrics") as answer:
        for line in (await answer.text()).splitlines():
            if line.startswith("tocsin_gateway_source_messages_total{"):
                labels, _, number = line.partition("{")[2].rpartition("} ")
                said = dict(each.split("=") for each in labels.split(","))
                found[said["what"].strip('"'), said["outcome"].strip('"')] = float(number)
    return found


async def test_an_export_is_answered_in_its_own_form_once_its_errors_are_stored(gateway: Gateway) -> None:
    of_logs, of_spans = logs(log(), log(severity_number=9)), traces(span(exception()), span())
    for path, made, answer in (
        ("/v1/logs", of_logs, ExportLogsServiceResponse), ("/v1/traces", of_spans, ExportTraceServiceResponse),
    ):  # fmt: skip
        status, body, headers = await export(gateway, made.SerializeToString(), path)
        assert (status, headers["content-type"], body) == (200, PROTOBUF, answer().SerializeToString())
        packed = gzip.compress(as_json(made))
        status, body, headers = await export(
            gateway, packed, path, content_type=f"{JSON}; charset=utf-8", content_encoding="gzip"
        )
        assert (status, headers["content-type"], json.loads(body)) == (200, JSON, {})
    assert [event.problem.code for event in gateway.reported] == ["e.p.me.log.app.orders"] * 2 + ["e.p.me.boom"] * 2
    assert len({event.event_id for event in gateway.reported}) == 2, "the same in both forms"
    found = await counted_by_kind(gateway)
    assert found == {(kind, "taken"): 2 for kind in ("log_error", "span_exception")} | {
        (kind, "ignored"): 2 for kind in ("log", "span")
    }
    assert (await export(gateway, b""))[:2] == (200, b"")
    assert (await export(gateway, b"{}", content_type=JSON))[:2] == (200, b"{}")


async def test_what_cannot_be_read_is_said_in_the_answer_and_the_rest_is_stored(gateway: Gateway) -> None:
    status, body, _ = await export(gateway, logs(log()).SerializeToString() + BROKEN)
    said = ExportLogsServiceResponse.FromString(body).partial_success
    assert (status, said.rejected_log_records, said.error_message) == (200, 1, FAILED)
    document = {"resourceSpans": [{"scopeSpans": [{"spans": ["x", {"name": "healthy"}]}]}]}
    status, body, _ = await export(gateway, json.dumps(document).encode(), "/v1/traces", content_type=JSON)
    assert (status, json.loads(body)) == (
        200, {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "a span: expected an object"}},
    )  # fmt: skip
    assert len(gateway.reported) == 1
    assert (await counted_by_kind(gateway))["rejected", "ignored"] == 2


REFUSED = {
    "no export": (b"\xff\xff", {}, 400),
    "nothing that can be read": (BROKEN, {}, 400),
    "a document of another kind": (b"[]", {"content_type": JSON}, 400),
    "no JSON": (b"{", {"content_type": JSON}, 400),
    "another media type": (b"", {"content_type": "application/grpc"}, 415),
    "an encoding nobody speaks": (b"", {"content_encoding": "rot13"}, 415),
    "an export of 257 kB": (b"\x0a" * (4 * 64 * 1024 + 1), {}, 413),
    "a key that does not hold": (b"", {"authorization": "Bearer bus_x"}, 401),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_refusal_is_a_status_in_the_form_of_the_request(
    gateway: Gateway, body: bytes, headers: dict[str, str], status: int
) -> None:
    found, answer, said = await export(gateway, body, **headers)
    form = PROTOBUF if headers.get("content_type", PROTOBUF) == PROTOBUF else JSON
    assert (found, said["content-type"]) == (status, form)
    message = Status.FromString(answer).message if form == PROTOBUF else json.loads(answer)["message"]
    assert message
    assert gateway.reported == []


async def test_bad_data_is_said_as_bad_data(gateway: Gateway) -> None:
    _, answer, _ = await export(gateway, BROKEN)
    status, bad = Status.FromString(answer), BadRequest()
    assert any(detail.Unpack(bad) for detail in status.details)
    assert FAILED in bad.field_violations[0].description
    assert FAILED in status.message


async def test_what_kafka_did_not_acknowledge_is_asked_for_again_and_is_the_same_then(gateway: Gateway) -> None:
    body = logs(log("one"), log("two"), log("three")).SerializeToString()
    gateway.publisher.failures.extend([KafkaAway("e")])
    status, answer, headers = await export(gateway, body)
    assert (status, headers["retry-after"]) == (503, "5")
    assert Status.FromString(answer).message
    kept = {event.event_id for event in gateway.reported}
    assert len(kept) == 2
    assert (await export(gateway, body))[:2] == (200, b"")
    assert len({event.event_id for event in gateway.reported}) == 3


async def test_there_are_no_metrics_and_what_to_set_is_said(gateway: Gateway) -> None:
    status, answer, headers = await export(gateway, b"\x0a\x00", "/v1/metrics")
    assert (status, headers["content-type"]) == (404, PROTOBUF)
    assert "OTEL_METRICS_EXPORTER=none" in Status.FromString(answer).message


async def test_the_tenant_is_the_credentials(gateway: Gateway) -> None:
    made = logs(log(), resource=SERVICE | {"tocsin.tenant": "other", "tenant": "other"}).SerializeToString()
    key = gateway.keyring.header("acme", "publish")
    assert (await export(gateway, made, **key))[0] == 200
    assert (await export(gateway, made, tocsin_tenant="other", **key))[0] == 403
    assert (await export(gateway, made, "/v1/logs?tenant=other", **key))[0] == 403
    assert (await export(gateway, made, **gateway.keyring.header("acme", "read")))[0] == 403
    assert [event.tenant for event in gateway.reported] == ["acme"]


async def test_secrets_are_taken_out_and_nothing_is_shown_that_could_hold_one(gateway: Gateway) -> None:
    secret = {"password": "hunter2hunter2", "http.request.header.authorization": "Bearer hunter2hunter2"}
    body = logs(log("token=hunter2hunter2", secret | BOOM)).SerializeToString() + BROKEN
    assert (await export(gateway, body))[0] == 200
    [event] = gateway.reported
    async with gateway.http.get("/v1/sources") as answer:
        heard = await answer.text()
    assert FAILED in heard
    assert "hunter2" not in repr(event) + heard


async def test_a_tenant_that_sends_too_much_is_told_when_to_come_again() -> None:
    config = GatewayConfig(tenant_documents=Rate(1, 2))
    app = build_gateway(config, MemoryPublisher(), _ready, CollectorRegistry(), Ports(access=Access()))
    async with serving(app) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
        gateway = Gateway(MemoryPublisher(), http, port)
        body = logs(*(log(time_unix_nano=AT + n) for n in range(2))).SerializeToString()
        assert (await export(gateway, body))[0] == 200
        status, answer, headers = await export(gateway, body)
        assert (status, int(headers["retry-after"]) > 0, bool(Status.FromString(answer).message)) == (
            429,
            True,
            True,
        )


async def _ready() -> bool:
    return True


class Later:
    """Makes spans once it is known where they go."""

    inner: Tracing = NO_TRACING

    def begin(self, *said: Any, **more: Any) -> Span | None:
        return self.inner.begin(*said, **more)


async def test_the_bus_that_exports_its_own_traces_to_itself_does_not_feed_on_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its spans come to it and become nothing; that they came is no span, or each export would make the next."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    publisher, spans = MemoryPublisher(), dict[str, int]()

    def counted(result: str, count: int) -> None:
        spans[result] = spans.get(result, 0) + count

    tracing = Later()
    app = build_gateway(
        GatewayConfig(), publisher, _ready, CollectorRegistry(), Ports(access=Access(), tracing=tracing)
    )
    async with serving(app) as port:
        tracing.inner = own = OtelTracing("gateway", "1", f"http://127.0.0.1:{port}", counted)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            gateway = Gateway(publisher, http, port)
            for number in range(3):
                assert (await gateway.post("/v1/problems", json.dumps({"code": f"e.p.x{number}"})))[0] == 202
            while sum(spans.values()) < 3:  # noqa: ASYNC110 - the exporter has no event to wait for
                await asyncio.sleep(0.02)
            for _ in range(5):  # each a whole round through the exporter
                assert (await export(gateway, traces(span()).SerializeToString(), "/v1/traces"))[0] == 200
            await asyncio.to_thread(own.close, 10)
            assert spans == {"exported": 3}
            assert (await counted_by_kind(gateway))["span", "ignored"] == 3 + 5
    assert len(publisher.events) == 3


async def test_a_real_exporter_sends_again_what_was_not_stored(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "ENDPOINT": f"http://127.0.0.1:{gateway.port}", "TIMEOUT": "100", "COMPRESSION": "gzip",
        "HEADERS": f"authorization=Bearer%20{gateway.keyring.text('acme', 'publish')}",
    }  # fmt: skip
    for name, text in said.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", text)
    gateway.publisher.failures.append(KafkaAway("e"))
    traced: list[str] = []

    def program() -> None:
        spans = TracerProvider(shutdown_on_exit=False)
        spans.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
        with spans.get_tracer("orders").start_as_current_span("work") as working:
            working.record_exception(LookupError("no such order"))
            traced.append(f"{working.get_span_context().trace_id:032x}")
        spans.shutdown()

    await asyncio.to_thread(program)
    [event] = gateway.reported
    assert (event.tenant, event.problem.code, (event.traceparent or "").split("-")[1]) == (
        "acme", "e.p.me.lookup-error", traced[0],
    )  # fmt: skip
    assert (await counted_by_kind(gateway))["span_exception", "unstored"] == 1
