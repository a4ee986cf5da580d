"""OpenTelemetry: exports of logs and traces by OTLP/HTTP, of which the errors become problems.

`/v1/logs`: records of severity ERROR and above, and those with an exception. `/v1/traces`: the exceptions that were
recorded on spans. All other records and spans are taken and not kept.
"""

from tocsin.connectors.sources.otlp.reading import REJECTED, Export, read_export
from tocsin.connectors.sources.otlp.signals import JSON, LOGS, PROTOBUF, TRACES, Signal
from tocsin.connectors.sources.otlp.source import EXPORTED_LOGS, EXPORTED_TRACES

__all__ = [
    "EXPORTED_LOGS",
    "EXPORTED_TRACES",
    "JSON",
    "LOGS",
    "PROTOBUF",
    "REJECTED",
    "TRACES",
    "Export",
    "Signal",
    "read_export",
]
