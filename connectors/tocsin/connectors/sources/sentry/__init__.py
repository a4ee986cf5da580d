"""Sentry SDKs of any language: their errors become problems, by nothing but another DSN.

`read_items` is where to begin; of an event `events` says what it is, `stacks` and `tags` what of it is told.
"""

from __future__ import annotations

from tocsin.connectors.sources.port import MessageSource
from tocsin.connectors.sources.sentry.reader import KINDS, NOT_TAKEN, read_event, read_items

NAME = "sentry"
ENVELOPES = MessageSource(name=NAME, read=read_items, kinds=KINDS, media_types=())
"""What SDKs send today."""
STORE = MessageSource(name=NAME, read=read_event, kinds=KINDS, media_types=())
"""What they sent before there were envelopes."""

__all__ = ["ENVELOPES", "NAME", "NOT_TAKEN", "STORE"]
