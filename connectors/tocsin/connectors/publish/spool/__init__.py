"""Records on disk while they cannot be sent: written by one process, crash-safe, bounded, read in order."""

from __future__ import annotations

from tocsin.connectors.publish.spool.spool import Spool, SpoolFull, SpoolState, SpoolUnusable

__all__ = ["Spool", "SpoolFull", "SpoolState", "SpoolUnusable"]
