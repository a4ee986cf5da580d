"""W3C Trace Context: the trace of a report goes on to each delivery of it, in headers and body; and the port by which
spans of it are made, without a library of traces."""

from __future__ import annotations

import re
from typing import Literal, Protocol

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?")


def trace(traceparent: str | None, tracestate: str | None = None) -> dict[str, str]:
    """The members `traceparent` and `tracestate` as far as they are well-formed; a state without its parent says
    nothing. The names are those of the HTTP headers."""
    if traceparent is None or not _TRACEPARENT.fullmatch(traceparent):
        return {}
    if tracestate is None or not _TRACESTATE.fullmatch(tracestate):
        return {"traceparent": traceparent}
    return {"traceparent": traceparent, "tracestate": tracestate}


def is_sampled(traceparent: str | None) -> bool:
    """Whether somebody keeps this trace."""
    return traceparent is not None and traceparent[-1:] in "13579bdf" and bool(trace(traceparent))


SpanKind = Literal["server", "client", "consumer", "producer"]
"""What a span is: an answer, a question, something read, something written."""


class Span(Protocol):
    """Something that was done within a trace; others go on from its `traceparent`."""

    @property
    def traceparent(self) -> str:
        """Trace and span, as W3C Trace Context writes them."""
        ...

    def named(self, name: str) -> None:
        """Call it otherwise."""
        ...

    def attribute(self, name: str, value: str | int) -> None:
        """Say something of it."""
        ...

    def end(self, *, failed: bool = False, at: int | None = None) -> None:
        """It is over, now or at `at` (microseconds)."""
        ...


class Tracing(Protocol):
    """What makes spans. Nothing of it waits or raises."""

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
        """A span in this trace, begun now or at `at` (microseconds); None when nobody keeps the trace. Without one it
        begins a trace, if it `may_be_first`."""
        ...


class _NoTracing:
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
        return None


NO_TRACING: Tracing = _NoTracing()
"""No spans at all."""
