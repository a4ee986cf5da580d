"""Moved to `tocsin.streams.rules.config`."""

from tocsin.streams.rules.config import (
    DEFAULT_ENDPOINT,
    NOTIFICATION,
    Endpoint,
    Inhibition,
    Route,
    RuleBook,
    Silence,
    default_rulebook,
)
from tocsin.streams.rules.values import Match

__all__ = [
    "DEFAULT_ENDPOINT",
    "NOTIFICATION",
    "Endpoint",
    "Inhibition",
    "Match",
    "Route",
    "RuleBook",
    "Silence",
    "default_rulebook",
]
