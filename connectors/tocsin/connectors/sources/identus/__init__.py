"""Identus Cloud Agent: its webhooks, global ones and those of a wallet, as they are."""

from __future__ import annotations

from tocsin.connectors.sources.identus.reading import IDENTUS

__all__ = ["IDENTUS"]
