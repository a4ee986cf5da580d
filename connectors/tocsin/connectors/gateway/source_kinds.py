"""The refusals of what only sources ask for."""

from __future__ import annotations

from tocsin.connectors.gateway.kind import Kind

NO_METRICS = Kind(
    "no-metrics",
    404,
    "There are no metrics here",
    "This bus takes logs and traces. Set OTEL_METRICS_EXPORTER=none, or leave it out of the pipelines of metrics.",
    close=True,
)

SOURCE_KINDS = (NO_METRICS,)
