"""Problems of a service in three lines:

    from tocsin.connectors import sdk

    sdk.init("localhost:9092", tenant="acme", service="ledger")  # or TOCSIN_BOOTSTRAP, TOCSIN_TENANT, TOCSIN_SERVICE
    sdk.capture(error)

`capture` never raises and never waits: an error of the bus is counted and logged, once. Before `init`, or where no
address is given, nothing is published, and a line in the log says so. docs/sdk.md.
"""

from __future__ import annotations

from tocsin.connectors.sdk.around import current_context, current_trace, traced, within
from tocsin.connectors.sdk.client import (
    capture,
    close,
    flush,
    guarded,
    init,
    observe,
    problem_of,
    publisher,
    service,
    state,
)

__all__ = [
    "capture",
    "close",
    "current_context",
    "current_trace",
    "flush",
    "guarded",
    "init",
    "observe",
    "problem_of",
    "publisher",
    "service",
    "state",
    "traced",
    "within",
]
