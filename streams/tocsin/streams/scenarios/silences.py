"""Silences made while running: an event of `settings`, in the form in which the processes give it to the rules."""

from __future__ import annotations

from typing import Any

from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.events import SilenceSet
from tocsin.streams.rules.config import Silence
from tocsin.streams.scenarios.reading import START, Given, made, span
from tocsin.streams.silences.silences import silence_of


def silences_after(known: dict[str, Silence], given: Given, common: dict[str, Any]) -> tuple[Silence, ...]:
    """Those that hold when this one was set or removed; `known` is by name, and kept."""
    body = dict(given.body)
    for name in ("starts_at", "ends_at"):
        body[name] = START + span(body.get(name))
    event = made(SilenceSet, {**common, **body})
    event = decode_as(encode(event), SilenceSet)
    known.pop(event.silence, None)
    if not event.removed:
        known[event.silence] = silence_of(event)
    return tuple(known.values())
