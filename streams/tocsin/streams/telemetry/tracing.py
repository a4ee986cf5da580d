"""Traces, where a collector is named: what each process tells of the work that it did within one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from time import time_ns

import structlog

from tocsin.connectors.metrics.making import Meters
from tocsin.connectors.tracing import NO_TRACING, Tracing, is_sampled
from tocsin.streams.engine.fold import Folded
from tocsin.streams.engine.record import RuleSet
from tocsin.streams.rules.decision import Emit
from tocsin.streams.settings import Settings, SettingsInvalid
from tocsin.streams.telemetry.registry import release

_log = structlog.get_logger("tocsin")

FLUSH_WITHIN = 5.0
"""Seconds that a process which stops waits for the collector."""
SHOWN = 16
"""Events whose names a span shows."""
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@asynccontextmanager
async def open_tracing(process: str, settings: Settings, meters: Meters) -> AsyncIterator[Tracing]:
    """What makes the spans of a process while the block runs; none unless a collector is named. Raises
    SettingsInvalid."""
    spans = meters.counter("tocsin_spans_total")
    for result in ("exported", "failed", "dropped"):
        spans(result)
    if not _is_wanted(settings):
        yield NO_TRACING
        return
    from tocsin.streams.telemetry.spans import OtelTracing

    tracing = OtelTracing(process, release(), settings.otlp_endpoint, lambda result, count: spans(result).inc(count))
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close, FLUSH_WITHIN)


def _is_wanted(settings: Settings) -> bool:
    asked = settings.otlp_endpoint is not None
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    if off or not (asked or any(os.environ.get(name) for name in ENDPOINTS)):
        return False
    if find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None:
        return True
    if asked:
        raise SettingsInvalid(["TOCSIN_OTLP_ENDPOINT: traces need tocsin[otel], which is not installed"])
    # those variables may be there for all programs of a machine
    _log.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but tocsin[otel] is not installed: no traces are sent")
    return False


def trace_decisions(tracing: Tracing, rules: RuleSet, folded: Folded) -> None:
    """A span for what followed from each event of a batch that is in a trace somebody keeps: from when the event was in
    its topic until what followed was acknowledged."""
    spans: dict[tuple[str, str | None], tuple[int, list[str], str]] = {}
    for decision in folded.decisions:
        if isinstance(decision, Emit) and is_sampled(decision.event.traceparent):
            event = decision.event
            key = event.traceparent or "", event.cause
            spans.setdefault(key, (event.recorded_at, [], event.tenant))[1].append(type(event).__name__)
    now = time_ns() // 1000
    for (traceparent, _), (began, written, tenant) in spans.items():
        span = tracing.begin(f"tocsin {rules.name}", "consumer", traceparent, at=min(began, now))
        if span is not None:
            span.attribute("messaging.system", "kafka")
            span.attribute("messaging.destination.name", rules.input_topic)
            span.attribute("tocsin.tenant", tenant)
            span.attribute("tocsin.written", ", ".join(written[:SHOWN]))
            span.end(at=now)
