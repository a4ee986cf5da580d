"""What the loop rules may say of a problem; each rule says nothing (None) of what it has nothing against."""

from __future__ import annotations

from msgspec import Struct

from tocsin.schemas.problem import Problem


class Pass(Struct, frozen=True):
    """Nothing speaks against telling it; `group` is the window that opens when it is told, if any."""

    group: str = ""


class Silenced(Struct, frozen=True):
    """Nobody is told: the reason (from a closed set), what decided, and the event that stands for this one."""

    reason: str
    detail: str
    survivor: str | None


class Replaced(Struct, frozen=True):
    """A limit is crossed: `problem` (`e.p.req.max-errors-exceeded`) is told in place of what was reported, once."""

    problem: Problem
    reason: str


Verdict = Pass | Silenced | Replaced
"""What `guard` may say."""
