"""Sinks: where deliveries go. One file each, its settings beside it.

`SINKS` is the table: kind -> import strings of the sink and of its settings. To add one: its file, a row here, its
test, and a row in `tests/connectors/sinks/test_every_sink.py`. A sink of another package is found by the entry point
group `tocsin.sinks` (name = kind, value = the sink's class, whose `Config` attribute is its settings struct).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

import msgspec

from tocsin.connectors.sinks.base import Delivered, Reason, Rejected, RetryLater, Sink, SinkMisconfigured, SinkOutcome

SINKS: dict[str, tuple[str, str]] = {
    "memory": ("tocsin.connectors.sinks.memory:MemorySink", "tocsin.connectors.sinks.memory:MemoryConfig"),
    "webhook": ("tocsin.connectors.sinks.webhook:WebhookSink", "tocsin.connectors.sinks.webhook:WebhookConfig"),
}
"""Kind of each sink -> (class, settings struct), imported when first used."""

ENTRY_POINTS = "tocsin.sinks"
"""The entry point group of sinks in other packages."""


def make_sink(kind: str, settings: Mapping[str, object]) -> Sink:
    """A sink of this kind, not yet opened. Raises SinkMisconfigured naming the setting, never quoting its value."""
    sink, config = _load(kind)
    try:
        converted = msgspec.convert(dict(settings), config)
    except msgspec.ValidationError as error:
        raise _misconfigured(kind, error) from None
    return cast(Sink, sink(converted))


def _load(kind: str) -> tuple[Any, Any]:
    if kind in SINKS:
        sink, config = (_imported(name) for name in SINKS[kind])
        return sink, config
    for point in entry_points(group=ENTRY_POINTS, name=kind):
        loaded = point.load()
        return loaded, loaded.Config
    raise SinkMisconfigured(kind, "kind", f"no such sink; there are {', '.join(SINKS)}")


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


def _misconfigured(kind: str, error: msgspec.ValidationError) -> SinkMisconfigured:
    message = str(error)
    path = re.search(r"`\$\.?([^`]*)`", message)
    field = re.search(r"field `([^`]+)`", message)
    name = field.group(1) if field else path.group(1) if path else ""
    return SinkMisconfigured(kind, name, message.partition(" - at ")[0])


__all__ = [
    "SINKS",
    "Delivered",
    "Reason",
    "Rejected",
    "RetryLater",
    "Sink",
    "SinkMisconfigured",
    "SinkOutcome",
    "make_sink",
]
