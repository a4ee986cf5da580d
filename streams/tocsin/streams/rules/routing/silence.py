"""Silences: for a time, somebody wants to hear nothing of what fits; in the rules file, or made while running."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.streams.rules.routing.matching import Asked, fits
from tocsin.streams.rules.rulebook import Silence


def silence_of(asked: Asked, silences: Iterable[Silence], now: int) -> Silence | None:
    """The first silence that holds at `now` (from `since`, before `until`; microseconds) and fits."""
    for silence in silences:
        if (
            silence.since <= now < silence.until
            and silence.tenant in (None, asked.tenant)
            and fits(silence.match, asked)
        ):
            return silence
    return None
