"""The two signals that are read, logs and traces: their messages, and what they are called in JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from msgspec import Struct
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

EXCEPTION = frozenset({"exception.type", "exception.message", "exception.stacktrace"})
"""The attributes of which one is there where an exception is told."""
ERROR = 17
"""From this severity number on a log record is an error."""


class Signal(Struct, frozen=True, kw_only=True):
    """`kind` is what a record of it is called; `groups` are the names of the lists, from the outermost; `members` what
    is read of a record; `might_tell` whether a record in JSON needs to be read at all; `answer` what an export is
    answered with, and `rejected` the number in it of records that were not taken."""

    kind: str
    record: type[Message]
    groups: tuple[str, str, str]
    members: tuple[str, ...]
    might_tell: Callable[[dict[str, Any]], bool]
    answer: type[Message]
    rejected: str


def _log_might_tell(record: dict[str, Any]) -> bool:
    number, attributes = record.get("severityNumber"), record.get("attributes")
    if type(number) is not int or not 0 < number < ERROR or not isinstance(attributes, list | None):
        return True
    return any(not isinstance(one, dict) or not _is_other(one.get("key")) for one in attributes or ())


def _is_other(name: object) -> bool:
    """Whether this names an attribute that tells no exception; what is no name is left to whoever reads the record."""
    return isinstance(name, str) and name not in EXCEPTION


def _span_might_tell(span: dict[str, Any]) -> bool:
    return bool(span.get("events"))


LOGS = Signal(
    kind="log",
    record=LogRecord,
    groups=("resourceLogs", "scopeLogs", "logRecords"),
    members=(
        "timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText", "body", "attributes", "flags",
        "traceId", "spanId", "eventName",
    ),
    might_tell=_log_might_tell,
    answer=ExportLogsServiceResponse,
    rejected="rejected_log_records",
)  # fmt: skip
TRACES = Signal(
    kind="span",
    record=Span,
    groups=("resourceSpans", "scopeSpans", "spans"),
    members=("traceId", "spanId", "traceState", "name", "attributes", "events"),
    might_tell=_span_might_tell,
    answer=ExportTraceServiceResponse,
    rejected="rejected_spans",
)
