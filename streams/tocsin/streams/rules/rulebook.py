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

__all__ = [
    "DEFAULT_ENDPOINT",
    "NOTIFICATION",
    "Endpoint",
    "Inhibition",
    "Route",
    "RuleBook",
    "Silence",
    "default_rulebook",
]
