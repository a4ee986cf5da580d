"""Silences: for a time, somebody wants to hear nothing of what fits; in the rules file, or made while running."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.routing.matching import Asked, fits
from tocsin.streams.rules.rulebook import Silence
from tocsin.streams.rules.spans import MINUTE

ASK_AGAIN = 5 * MINUTE
"""A silence may be ended before its time: what waits for its end asks again after at most this long, microseconds."""


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


def not_before(asked: Asked, config: DecideConfig, now: int) -> int:
    """When something that a timer is to tell of this problem may be told: `now`, or while a silence holds its end, or
    the next time to ask (ASK_AGAIN)."""
    silence = silence_of(asked, (*config.book.silences, *config.silences), now)
    return now if silence is None else min(silence.until, now + ASK_AGAIN)
