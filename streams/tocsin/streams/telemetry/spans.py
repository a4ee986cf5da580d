"""Spans by OpenTelemetry's SDK (extra `otel`), sent by OTLP over HTTP from a thread of its own.

What the collector does holds nothing up: the queue is bounded, and what does not fit is dropped and counted. The
`OTEL_*` variables of the SDK say what is sampled, how large the queue is, and what the service is called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from threading import Thread

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tocsin.connectors.tracing import Span, SpanKind, is_sampled, trace

QUEUED = 2048
"""Spans that wait for the collector at most, unless OTEL_BSP_MAX_QUEUE_SIZE says otherwise."""

_KINDS = {
    "server": api.SpanKind.SERVER,
    "client": api.SpanKind.CLIENT,
    "consumer": api.SpanKind.CONSUMER,
    "producer": api.SpanKind.PRODUCER,
}

Counted = Callable[[str, int], None]
"""Told of spans by what became of them: `exported`, `failed` or `dropped`, and how many."""


class OtelTracing:
    """Makes spans and sends them to `endpoint` (without `/v1/traces`), or where the `OTEL_*` variables say."""

    def __init__(self, process: str, version: str, endpoint: str | None, counted: Counted) -> None:
        named = {SERVICE_NAME: "tocsin", "service.version": version, "tocsin.process": process}
        self._queue = _Queue(OTLPSpanExporter(endpoint=None if endpoint is None else f"{endpoint}/v1/traces"), counted)
        # shut down by `close` alone: at exit the SDK would wait for the collector without end
        self._provider = TracerProvider(
            resource=Resource.create(named).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(self._queue)
        self._tracer = self._provider.get_tracer("tocsin", version)

    def begin(
        self,
        name: str,
        kind: SpanKind,
        traceparent: str | None,
        tracestate: str | None = None,
        *,
        may_be_first: bool = False,
        at: int | None = None,
    ) -> Span | None:
        """As of `Tracing`."""
        if not is_sampled(traceparent) and (not may_be_first or trace(traceparent)):
            return None
        parent = _context(traceparent, tracestate)
        span = self._tracer.start_span(name, parent, _KINDS[kind], start_time=None if at is None else 1000 * at)
        return _OtelSpan(span) if span.is_recording() else None

    def close(self, within: float) -> None:
        """Send what waits, for at most so many seconds; for a thread, since it waits."""
        closing = Thread(target=self._provider.shutdown, name="spans", daemon=True)
        closing.start()
        closing.join(within)


class _OtelSpan:
    def __init__(self, span: api.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def attribute(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def end(self, *, failed: bool = False, at: int | None = None) -> None:
        if failed:
            self._span.set_status(api.StatusCode.ERROR)
        self._span.end(None if at is None else 1000 * at)


class _Exporter(SpanExporter):
    """Counts what the collector took, and what it did not."""

    def __init__(self, inner: SpanExporter, counted: Counted) -> None:
        self._inner, self._counted = inner, counted
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        try:
            result = self._inner.export(spans)
        except Exception:  # of whatever stands between: the thread goes on
            result = SpanExportResult.FAILURE
        self._counted("exported" if result is SpanExportResult.SUCCESS else "failed", len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


class _Queue(BatchSpanProcessor):
    """A queue that drops what is too much, counted and without a line in the log for each."""

    def __init__(self, exporter: SpanExporter, counted: Counted) -> None:
        self._most = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or QUEUED)
        self._exporter, self._counted = _Exporter(exporter, counted), counted
        self._given = 0
        super().__init__(self._exporter, max_queue_size=self._most)

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._exporter.taken >= self._most:
            self._counted("dropped", 1)
            return
        self._given += 1
        super().on_end(span)


def _context(traceparent: str | None, tracestate: str | None) -> Context | None:
    """The context of the span that this one follows from."""
    said = trace(traceparent, tracestate)
    if not said:
        return None
    parent = api.SpanContext(
        trace_id=int(said["traceparent"][3:35], 16),
        span_id=int(said["traceparent"][36:52], 16),
        is_remote=True,
        trace_flags=api.TraceFlags(int(said["traceparent"][53:55], 16)),
        trace_state=api.TraceState.from_header([said["tracestate"]]) if "tracestate" in said else None,
    )
    return api.set_span_in_context(api.NonRecordingSpan(parent))
