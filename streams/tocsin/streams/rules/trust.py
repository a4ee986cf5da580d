"""Words for how far a connection is trusted."""

from __future__ import annotations

HIGH = "high"
"""The trust with which a peer is told everything."""

TRUSTED = frozenset({"medium", "normal", HIGH, "verified"})
"""Words for a connection's trust with which its peer is told; any other word, or none, is low."""


def is_high(trust: str | None) -> bool:
    """Whether the peer is told everything."""
    return _rank(trust) == 2


def is_trusted(trust: str | None) -> bool:
    """Whether the peer is told at all."""
    return _rank(trust) > 0


def lower_trust(stated: str | None, told: str | None) -> str | None:
    """The trust of a connection of which activity has `told`, when a problem has a word for it `stated` beside it: that
    can lower the trust, or name one where none was told, but never raise it."""
    if told is None:
        return stated
    return stated if stated is not None and _rank(stated) < _rank(told) else told


def _rank(trust: str | None) -> int:
    word = (trust or "").casefold()
    return (word in TRUSTED) + (word == HIGH)
