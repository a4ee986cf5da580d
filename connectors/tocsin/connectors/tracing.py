"""W3C Trace Context: the trace of a report goes on to each delivery of it, in headers and body."""

from __future__ import annotations

import re

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
