"""One export -> the events of its errors, how many records there were of each kind, and those that were not taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from google.protobuf.message import DecodeError, Message
from msgspec import Struct, field
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sources.otlp import json_form, wire
from tocsin.connectors.sources.otlp.bounds import FEW, MAX_EXCEPTIONS, MAX_RECORD, Budget, Group
from tocsin.connectors.sources.otlp.occurrence import (
    Around,
    Occurrence,
    around_of,
    has_exception,
    of_log,
    of_span,
    tells_error,
)
from tocsin.connectors.sources.otlp.problem import reported
from tocsin.connectors.sources.otlp.signals import JSON, LOGS, Signal
from tocsin.connectors.sources.otlp.values import plain_attributes
from tocsin.schemas.events import ProblemReported

OWN = "tocsin.process"
"""The attribute of the resource of the bus's own telemetry, of which no problem is made: an error of its would make the
next one."""
OF_THE_WAY = ("tocsin", "opentelemetry.exporter", "opentelemetry.sdk")
"""Loggers, with those below them, of which no problem is made for the same reason: they say what befell an export."""

LOG, LOG_ERROR, SPAN, SPAN_EXCEPTION, WAY, REJECTED = "log", "log_error", "span", "span_exception", "own", "rejected"
KINDS = frozenset({LOG, LOG_ERROR, SPAN, SPAN_EXCEPTION, WAY, REJECTED})
"""The kinds of records. `log`, `span`: nothing to keep. `log_error`, `span_exception`: problems. `own`: telemetry of
the bus, or of the way to it. `rejected`: not to be read."""


class Export(Struct, kw_only=True):
    """What an export was understood as: its events, in order, each once; its records by kind; and why some were not
    taken (those `rejected`), or not all of one."""

    events: dict[str, ProblemReported] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    whys: dict[str, None] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """How many records were not taken."""
        return self.counts[REJECTED]


Build = Callable[[Any, type[Message]], Any]
"""Makes the library's message of a part. Raises Unreadable."""


def read_export(body: bytes, media_type: str, signal: Signal, *, tenant: str, now: int) -> Export:
    """Read one export; `now` is in microseconds. Raises Unreadable for one that is none, that holds too much, or of
    which nothing can be read."""
    budget = Budget()
    build = _from_json(signal, budget) if media_type == JSON else _from_protobuf
    reading = _Reading(signal, build, budget, tenant, now)
    # all groups first: they are counted before anything is built of them
    for group in list(json_form.groups(body, signal) if media_type == JSON else wire.groups(body)):
        reading.read(group)
    export = reading.export
    if export.rejected and export.rejected == export.counts.total():
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected=f"records that can be read; {'; '.join(export.whys)}")
    return export


def _from_protobuf(part: bytes, kind: type[Message]) -> Message:
    if len(part) > MAX_RECORD:
        raise Unreadable(UnreadableReason.TOO_LARGE, expected=f"at most {MAX_RECORD} bytes")
    try:
        return kind.FromString(part)
    except DecodeError:
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="protobuf, with texts in UTF-8") from None


def _from_json(signal: Signal, budget: Budget) -> Build:
    return lambda part, kind: json_form.message(part, kind, signal, budget)


class _Reading:
    def __init__(self, signal: Signal, build: Build, budget: Budget, tenant: str, now: int) -> None:
        self._signal, self._build, self._budget, self._tenant, self._now = signal, build, budget, tenant, now
        self.export = Export()

    def read(self, group: Group[Any]) -> None:
        """Read the records of one scope."""
        around: Around | None = None
        for part in group.records:
            try:
                record = self._telling(part)
                if record is None:
                    self.export.counts[self._signal.kind] += 1
                    continue
                around = around or self._around(group)
                self._take(record, around)
            except Unreadable as error:
                self.export.counts[REJECTED] += 1
                self.export.whys[f"a {self._signal.kind}: expected {error.expected}"] = None

    def _telling(self, part: Any) -> Any:
        """The record, if it tells an error."""
        if isinstance(part, dict) and not self._signal.might_tell(part):
            return None
        record = self._build(part, self._signal.record)
        tells = (tells_error if self._signal is LOGS else has_exception)(record, self._budget)
        return record if tells else None

    def _around(self, group: Group[Any]) -> Around:
        """What records have in common, as far as it can be read: no error is lost for what stands round it."""
        resource = self._readable("resource", lambda: self._attributes(group.resource), {})
        scope = self._readable("scope", lambda: str(self._build(group.scope, InstrumentationScope).name), "")
        return around_of(resource, scope)

    def _attributes(self, resource: Any) -> dict[str, Any]:
        if isinstance(resource, bytes):  # scopes share it, and it is built for each
            self._budget.look(len(resource) // FEW)
        return plain_attributes(self._build(resource, Resource).attributes, self._budget)

    def _readable(self, what: str, read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except Unreadable as error:
            self.export.whys[f"a {what}, without which its records are taken: expected {error.expected}"] = None
            return otherwise

    def _take(self, record: Any, around: Around) -> None:
        counts = self.export.counts
        if OWN in around.resource or (self._signal is LOGS and _is_of_the_way(around.scope)):
            counts[WAY] += 1
            return
        budget = self._budget
        budget.draw(1, around.size + record.ByteSize())
        told = [of_log(record, around, budget)] if self._signal is LOGS else of_span(record, around, budget)
        if len(told) > MAX_EXCEPTIONS:
            self.export.whys[f"only {MAX_EXCEPTIONS} exceptions of a span are taken"] = None
        if len(told) > 1:
            budget.draw(len(told[1:MAX_EXCEPTIONS]), around.size + sum(one.ByteSize() for one in record.attributes))
        # of a span all or none: it is told as taken, or as rejected
        for event in [self._reported(occurrence) for occurrence in told[:MAX_EXCEPTIONS]]:
            self.export.events.setdefault(event.event_id, event)
        counts[LOG_ERROR if self._signal is LOGS else SPAN_EXCEPTION] += 1

    def _reported(self, occurrence: Occurrence) -> ProblemReported:
        event = reported(occurrence, self._tenant, self._now)
        self._budget.tell(len(msgspec.json.encode(event)))
        return event


def _is_of_the_way(logger: str) -> bool:
    return any(logger == one or logger.startswith(f"{one}.") for one in OF_THE_WAY)
