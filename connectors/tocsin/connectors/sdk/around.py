"""What what happens now belongs to: a trace (W3C Trace Context: a hook's, or OpenTelemetry's where it is used), a job,
a request. It is known to whatever is captured within, in the same thread or task."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from typing import Any

from tocsin.connectors.tracing import trace

_TRACE: ContextVar[dict[str, str] | None] = ContextVar("tocsin_trace", default=None)


_CONTEXT: ContextVar[Mapping[str, object] | None] = ContextVar("tocsin_context", default=None)


@contextmanager
def within(**context: object) -> Iterator[None]:
    """Within the block, what is captured has this context (`job="nightly"`, `record_id="r"`, `request_id="q"`)."""
    said = {name: value for name, value in context.items() if value or value == 0}
    token = _CONTEXT.set({**current_context(), **said})
    try:
        yield
    finally:
        _reset(_CONTEXT, token)


def current_context() -> Mapping[str, object]:
    """What `within` said, the innermost first."""
    return _CONTEXT.get() or {}


@contextmanager
def traced(traceparent: str | None, tracestate: str | None = None) -> Iterator[None]:
    """Within the block, what is captured belongs to this trace; what is no traceparent changes nothing."""
    found = trace(traceparent, tracestate)
    token = _TRACE.set(found or _TRACE.get())
    try:
        yield
    finally:
        _reset(_TRACE, token)


def _reset(variable: ContextVar[Any], token: Token[Any]) -> None:
    """A block within a generator may end in another context than it began in: there was nothing said there."""
    with suppress(ValueError):
        variable.reset(token)


def current_trace() -> dict[str, str]:
    """`traceparent` and `tracestate` as far as there are any: OpenTelemetry's current span, else that of `traced`."""
    return _of_opentelemetry() or _TRACE.get() or {}


def _of_opentelemetry() -> dict[str, str]:
    api = sys.modules.get("opentelemetry.trace")  # not imported here: who does not use it does not need it
    if api is None:
        return {}
    try:
        span = api.get_current_span().get_span_context()
        if not span.is_valid:
            return {}
        return trace(
            f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}", span.trace_state.to_header()
        )
    except Exception:  # of another version than we know: no trace is better than no problem
        return {}
