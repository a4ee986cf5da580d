"""What the simulation says when a promise is not kept."""

from __future__ import annotations


class Broken(AssertionError):
    """A promise is not kept."""
