"""Words for how far a connection is trusted."""

from __future__ import annotations

from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import CLAIMED, Problem

HIGH = "high"
"""The trust with which a peer is told everything."""

TRUSTED = frozenset({"medium", "normal", HIGH, "verified"})
"""Words for a connection's trust with which its peer is told; any other word, or none, is low."""


_APART = f"{CLAIMED}:"


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


def is_claimed(problem: Problem) -> bool:
    """Whether nothing proves who says it, as whoever passed it on knows: such a problem is told, in a case of its own,
    and changes nothing that is known of its thread."""
    return problem.source.trust == CLAIMED


def apart(thread: str) -> str:
    """What stands for a thread where claimed problems of it are counted, told and made cases: never with others."""
    return _APART + derived_id(CLAIMED, thread)


def is_apart(lane: str | None) -> bool:
    """Whether a case is told in a lane for claimed problems."""
    return lane is not None and lane.startswith(_APART)


def marked(case: str) -> str:
    """The case of a claimed problem as it waits for context: apart from others."""
    return _APART + case


def unmarked(case: str) -> str:
    """The case that waits, claimed or not."""
    return case.removeprefix(_APART)


def _rank(trust: str | None) -> int:
    word = (trust or "").casefold()
    return (word in TRUSTED) + (word == HIGH)
