"""The metrics that every process has: its release, what it uses of the machine, errors that nobody took."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from prometheus_client import CollectorRegistry, ProcessCollector

from tocsin.connectors.catalogue import Catalogue
from tocsin.connectors.metrics.bounds import Bounds, Caps
from tocsin.connectors.metrics.making import Meters
from tocsin.streams.settings import Settings

log = structlog.get_logger("tocsin.kafka")

COMMIT = "GroupCoordinator._do_commit_offsets"
"""The coroutine in which aiokafka asks for a commit."""
NO_LONGER_A_MEMBER = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)
"""What a commit meets whose partitions are somebody else's by now."""


def process_meters(process: str, settings: Settings | None = None) -> Meters:
    """New metrics, bounded as the settings say, with `tocsin_build_info` and `process_*` (CPU, memory, open files; on
    Linux)."""
    meters = Meters(CollectorRegistry(), None if settings is None else bounds_of(settings))
    ProcessCollector(registry=meters.registry)
    bus = bus_of(settings or Settings())
    meters.gauge("tocsin_build_info")(process, release(), platform.python_version(), bus).set(1)
    return meters


def bus_of(settings: Settings) -> str:
    """The name of the bus in metrics."""
    return settings.prefix.rstrip(".")


def bounds_of(settings: Settings) -> Bounds:
    """What the labels of a process show, as the settings say; the codes of the catalogue always."""
    caps = Caps(**{name: getattr(settings, name) for name in Caps.__struct_fields__})
    return Bounds(caps, {"code": frozenset(entry.code for entry in Catalogue.load().entries)})


def count_unhandled(meters: Meters) -> None:
    """Count what the running event loop tells because nobody else took it; it is logged as before. A commit that was
    given up, and failed as it may, is no fault: that is said in a line without a traceback."""
    errors = meters.counter("tocsin_unhandled_errors_total")()

    def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if _is_a_commit_given_up(context):
            error = repr(context["exception"])
            log.warning("a commit was given up, then failed: what no later one covers is read again", error=error)
            return
        errors.inc()
        loop.default_exception_handler(context)

    asyncio.get_running_loop().set_exception_handler(unhandled)


def _is_a_commit_given_up(context: Mapping[str, Any]) -> bool:
    """aiokafka shields the request of a commit from who waits for it: it ends when a time limit of ours has long let go
    of it, and if Kafka refuses it then, nobody is there to hear that. A refusal that lasts is a fault all the same."""
    task, error = context.get("future"), context.get("exception")
    return (
        (isinstance(error, NO_LONGER_A_MEMBER) or (isinstance(error, KafkaError) and error.retriable))
        and isinstance(task, asyncio.Task)
        and getattr(task.get_coro(), "__qualname__", "") == COMMIT
    )


def release() -> str:
    """The version of Tocsin that runs; `unknown` when it was not installed."""
    try:
        return version("tocsin")
    except PackageNotFoundError:
        return "unknown"
