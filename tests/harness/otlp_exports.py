"""Exports of OTLP as their senders make them, in protobuf and in JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

AT = 1_796_000_000_000_000_000
"""Nanoseconds: when the examples happened."""
TRACE_ID, SPAN_ID = bytes(range(1, 17)), bytes(range(1, 9))
BOOM = {"exception.type": "app.errors.Boom", "exception.message": "bad 7", "exception.stacktrace": "Traceback ..."}
SERVICE = {"service.name": "shop", "service.instance.id": "i-1", "deployment.environment.name": "prod"}
_IDS = {"traceId", "spanId", "parentSpanId"}


def value(of: Any) -> AnyValue:
    """A value of any kind."""
    match of:
        case bool():
            return AnyValue(bool_value=of)
        case int():
            return AnyValue(int_value=of)
        case float():
            return AnyValue(double_value=of)
        case bytes():
            return AnyValue(bytes_value=of)
        case list():
            return AnyValue(array_value=ArrayValue(values=[value(one) for one in of]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(of)))
        case None:
            return AnyValue()
    return AnyValue(string_value=of)


def pairs(of: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes."""
    return [KeyValue(key=key, value=value(one)) for key, one in of.items()]


def log(
    body: Any = "it failed", said: Mapping[str, Any] | None = None, *, in_span: bool = False, **more: Any
) -> LogRecord:
    """A log record, an error unless `severity_number` says otherwise."""
    usual: dict[str, Any] = {"severity_number": 17, "severity_text": "ERROR", "time_unix_nano": AT}
    if in_span:
        usual |= {"trace_id": TRACE_ID, "span_id": SPAN_ID, "flags": 1}
    return LogRecord(body=value(body), attributes=pairs(said or {}), **(usual | more))


def span(*events: Span.Event, said: Mapping[str, Any] | None = None, **more: Any) -> Span:
    """A span with these events."""
    usual = {"trace_id": TRACE_ID, "span_id": SPAN_ID, "name": "work"}
    return Span(events=events, attributes=pairs(said or {}), **(usual | more))


def exception(said: Mapping[str, Any] = BOOM, at: int = AT) -> Span.Event:
    """The event of an exception, as `record_exception` makes it."""
    return Span.Event(name="exception", time_unix_nano=at, attributes=pairs(said))


def logs(
    *records: LogRecord, resource: Mapping[str, Any] = SERVICE, scope: str = "app.orders"
) -> ExportLogsServiceRequest:
    """An export of log records."""
    scoped = ScopeLogs(scope=InstrumentationScope(name=scope), log_records=records)
    group = ResourceLogs(resource=Resource(attributes=pairs(resource)), scope_logs=[scoped])
    return ExportLogsServiceRequest(resource_logs=[group])


def traces(*spans: Span, resource: Mapping[str, Any] = SERVICE, scope: str = "app") -> ExportTraceServiceRequest:
    """An export of spans."""
    scoped = ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)
    group = ResourceSpans(resource=Resource(attributes=pairs(resource)), scope_spans=[scoped])
    return ExportTraceServiceRequest(resource_spans=[group])


def as_json(export: Message) -> bytes:
    """The same export in JSON: ids in hexadecimal, kinds and severities as numbers."""
    return json.dumps(_hexadecimal(MessageToDict(export, use_integers_for_enums=True))).encode()


def _hexadecimal(of: Any) -> Any:
    if isinstance(of, list):
        return [_hexadecimal(one) for one in of]
    if isinstance(of, dict):
        return {
            name: base64.b64decode(one).hex() if name in _IDS and isinstance(one, str) else _hexadecimal(one)
            for name, one in of.items()
        }
    return of
