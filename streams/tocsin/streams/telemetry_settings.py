"""The settings of what operators see: how much of it, and where traces go."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tocsin.streams.setting_values import without_slash


class TelemetrySettings(BaseSettings):
    """They are settings like all others, of every process."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    metrics_tenants: int = Field(default=100, ge=1, le=10_000)
    """How many tenants the metrics of one process tell apart; what comes of others is counted under `other`."""
    metrics_codes: int = Field(default=200, ge=1, le=10_000)
    """The same for problem codes; those of the catalogue are always told apart."""
    metrics_endpoints: int = Field(default=100, ge=1, le=10_000)
    """The same for endpoints."""
    metrics_peers: int = Field(default=100, ge=1, le=10_000)
    """The same for peers."""
    metrics_reasons: int = Field(default=100, ge=1, le=10_000)
    """The same for reasons and for rules of dialects."""
    metrics_series: int = Field(default=500, ge=10, le=100_000)
    """How many sets of labels one metric has; beyond it, what is bounded above is `other` in all new ones. With more
    than the default a scrape may be above 1 MiB."""
    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$"), AfterValidator(without_slash)] | None = None
    """Where traces are sent by OTLP over HTTP, without `/v1/traces`; absent = as `OTEL_EXPORTER_OTLP_ENDPOINT` or
    `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says, or nowhere. The other `OTEL_*` of the SDK hold, too. Needs the extra
    `otel`."""
