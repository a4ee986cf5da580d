"""Sinks: where deliveries go. One file each: a class, and beside it `Config`, the struct of its settings.

The fields of `Config` are the settings of an endpoint in the rules file, and are checked as `connectors.sections` says.
`SINKS` is the table of ours. A sink of another package is found by the entry point group `tocsin.sinks` (its name is
the kind, its value the sink's class).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, cast

import msgspec
from msgspec import Struct

from tocsin.connectors.sinks.base import Delivered, Reason, Rejected, RetryLater, Sink, SinkMisconfigured, SinkOutcome

SINKS: dict[str, str] = {
    "webhook": "tocsin.connectors.sinks.webhook:WebhookSink",
    "didcomm": "tocsin.connectors.sinks.didcomm:DidcommSink",
    "notify": "tocsin.connectors.sinks.notify:NotifySink",
    "log": "tocsin.connectors.sinks.log:LogSink",
    "memory": "tocsin.connectors.sinks.memory:MemorySink",
}
"""Kind of each sink -> its class, imported when first used."""

ENTRY_POINTS = "tocsin.sinks"
"""The entry point group of sinks in other packages."""


def sink_kinds() -> tuple[str, ...]:
    """The kinds that there are: ours, and those of installed packages."""
    others = {point.name for point in entry_points(group=ENTRY_POINTS)} - SINKS.keys()
    return (*SINKS, *sorted(others))


def sink_class(kind: str) -> Any:
    """The class of a sink, whose attribute `Config` is its settings. Raises SinkMisconfigured when there is none, or
    when the package that has it cannot be used."""
    if kind in SINKS:
        module, _, name = SINKS[kind].partition(":")
        try:
            return getattr(import_module(module), name)
        except ImportError as error:
            missing = f"{error.name} is not installed (pip install 'tocsin[all]')"
            raise SinkMisconfigured(kind, "sink", missing) from error
    for point in entry_points(group=ENTRY_POINTS, name=kind):
        try:
            found = point.load()
        except Exception as error:
            raise SinkMisconfigured(kind, "sink", f"{point.value} cannot be loaded: {error!r}") from error
        if not issubclass(getattr(found, "Config", object), Struct):
            raise SinkMisconfigured(kind, "sink", f"{point.value} has no Config that is a msgspec.Struct")
        return found
    raise SinkMisconfigured(kind, "kind", f"no such sink; there are {', '.join(sorted(sink_kinds()))}")


def make_sink(kind: str, settings: Mapping[str, object] | Struct | None) -> Sink:
    """A sink of this kind, not yet opened; `settings` is its Config, or a mapping that becomes one. Raises
    SinkMisconfigured naming the setting, never quoting its value."""
    sink = sink_class(kind)
    if not isinstance(settings, Struct):
        try:
            settings = msgspec.convert(dict(settings or {}), sink.Config)
        except msgspec.ValidationError as error:
            raise _misconfigured(kind, error) from None
    return cast(Sink, sink(settings))


def _misconfigured(kind: str, error: msgspec.ValidationError) -> SinkMisconfigured:
    message = str(error)
    path = re.search(r"`\$\.?([^`]*)`", message)
    field = re.search(r"field `([^`]+)`", message)
    name = field.group(1) if field else path.group(1) if path else ""
    why = "none of the values that it may have" if message.startswith("Invalid") else message.partition(" - at ")[0]
    return SinkMisconfigured(kind, name, why)


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
    "sink_class",
    "sink_kinds",
]
