"""When traces are made, and what a worker tells of a batch."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tocsin.connectors.metrics.making import Meters
from tocsin.connectors.tracing import NO_TRACING, Span, SpanKind, is_sampled
from tocsin.schemas.events import ProblemSuppressed
from tocsin.streams.engine.fold import Folded
from tocsin.streams.rules.decision import PROBLEMS, Emit
from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.tracing import open_tracing, trace_decisions

KEPT = f"00-{'a' * 32}-{'b' * 16}-01"

WANTED: dict[str, tuple[dict[str, str], dict[str, str], bool]] = {
    "nothing is said": ({}, {}, False),
    "by our setting": ({"otlp_endpoint": "http://127.0.0.1:9"}, {}, True),
    "by theirs": ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, True),
    "by theirs for traces": ({}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
    "switched off": ({"otlp_endpoint": "http://127.0.0.1:9"}, {"OTEL_SDK_DISABLED": "true"}, False),
    "no exporter": ({"otlp_endpoint": "http://127.0.0.1:9"}, {"OTEL_TRACES_EXPORTER": "none"}, False),
}


@pytest.mark.parametrize(("settings", "environment", "wanted"), WANTED.values(), ids=WANTED)
async def test_traces_are_made_where_a_collector_is_named(
    settings: dict[str, Any], environment: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    registry = CollectorRegistry()
    async with open_tracing("worker", Settings(**settings), Meters(registry)) as tracing:
        assert (tracing is not NO_TRACING) == wanted
    assert registry.get_sample_value("tocsin_spans_total", {"result": "dropped"}) == 0


def test_without_a_collector_nothing_that_makes_spans_is_loaded() -> None:
    code = (
        "import asyncio, sys\n"
        "from tocsin.streams.processes import dispatch, gateway, project, worker\n"
        "from tocsin.streams.settings import Settings\n"
        "from tocsin.streams.telemetry.registry import process_meters\n"
        "async def run():\n"
        "    async with gateway.open_tracing('gateway', Settings(), process_meters('gateway')): pass\n"
        "asyncio.run(run())\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


SAMPLED = {
    "kept": (KEPT, True),
    "not kept": (f"{KEPT[:-1]}0", False),
    "kept, and a flag of the future": (f"{KEPT[:-2]}ff", True),
    "none": (None, False),
    "no trace": ("1", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize(("traceparent", "kept"), SAMPLED.values(), ids=SAMPLED)
def test_who_keeps_a_trace(traceparent: str | None, kept: bool) -> None:
    assert is_sampled(traceparent) == kept


class Began(list[tuple[str, str | None, int | None]]):
    """What was begun; no spans."""

    def begin(
        self, name: str, kind: SpanKind, traceparent: str | None, tracestate: str | None = None, *,
        may_be_first: bool = False, at: int | None = None,
    ) -> Span | None:  # fmt: skip
        self.append((name, traceparent, at))
        return None


class Rules:
    name, input_topic = "decide", "inbox"


def test_a_batch_has_a_span_for_each_event_of_a_trace_that_is_kept() -> None:
    def suppressed(traceparent: str | None, cause: str) -> Emit:
        event = ProblemSuppressed(
            event_id="e", tenant="t", occurred_at=5, recorded_at=5, cause=cause, traceparent=traceparent, report="r",
            reason="silenced",
        )  # fmt: skip
        return Emit(PROBLEMS, "c", event)

    began = Began()
    said = [(KEPT, "one"), (KEPT, "one"), (KEPT, "other"), (None, "third"), (f"{KEPT[:-1]}0", "fourth")]
    folded = Folded(taken=4, decisions=[suppressed(*one) for one in said])
    trace_decisions(began, Rules(), folded)  # type: ignore[arg-type]
    assert began == [("tocsin decide", KEPT, 5)] * 2
