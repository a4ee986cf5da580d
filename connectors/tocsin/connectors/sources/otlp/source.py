"""Exporters of OpenTelemetry as sources: what the gateway hears of an export."""

from __future__ import annotations

from functools import partial

from tocsin.connectors.sources.otlp.reading import KINDS, LOG_ERROR, REJECTED, SPAN_EXCEPTION, read_export
from tocsin.connectors.sources.otlp.signals import JSON, LOGS, PROTOBUF, TRACES, Signal
from tocsin.connectors.sources.port import Heard, Message, MessageSource

BODIES = 4
"""How many times the largest body an export may be: it is a batch, and full of stack traces when all goes wrong."""


def _heard(signal: Signal, message: Message) -> list[Heard]:
    origin = message.origin
    export = read_export(message.body, origin.media_type or PROTOBUF, signal, tenant=origin.tenant, now=message.now)
    telling = LOG_ERROR if signal is LOGS else SPAN_EXCEPTION
    whole = REJECTED if export.rejected else telling  # of which kind what was left out is
    return [
        Heard(
            what=kind,
            count=count,
            events=tuple(export.events.values()) if kind == telling else (),
            ignored=tuple(export.whys) if kind == whole else (),
        )
        for kind, count in export.counts.items()
    ]


def _source(signal: Signal) -> MessageSource:
    return MessageSource(
        name="otlp",
        read=partial(_heard, signal),
        kinds=KINDS,
        media_types=(PROTOBUF, JSON),
        bodies=BODIES,
    )


EXPORTED_LOGS, EXPORTED_TRACES = _source(LOGS), _source(TRACES)
