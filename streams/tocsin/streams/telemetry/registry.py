"""The registry of a process's metrics, with what every process has: its release, and what it uses of the machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector


def process_registry(process: str) -> CollectorRegistry:
    """A new registry with `tocsin_build_info` and `process_*` (CPU, memory, open files; on Linux)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    build = Gauge(
        "tocsin_build_info", "1; the release that runs, and as which process.", ["process", "version", "python"],
        registry=registry,
    )  # fmt: skip
    build.labels(process, release(), platform.python_version()).set(1)
    return registry


def release() -> str:
    """The version of Tocsin that runs; `unknown` when it was not installed."""
    try:
        return version("tocsin")
    except PackageNotFoundError:
        return "unknown"
