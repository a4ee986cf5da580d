"""Moved to `tocsin.streams.rules.values`."""

from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
]
