"""What is ignored quietly unless somebody asked for it by name (REQUIREMENTS b.1 38, R12)."""

from __future__ import annotations

from functools import lru_cache

from tocsin.connectors.dialects.consequences import quiet_by_default
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.routing.tree import Matched


def is_quiet(problem: Problem, found: list[Matched]) -> bool:
    """Whether a problem is a deprecated warning of a version mismatch that no route names."""
    return _is_quiet(problem.code_key or problem.code) and not any(one.names_code for one in found)


_is_quiet = lru_cache(maxsize=4096)(quiet_by_default)  # asked for every event, and there are few codes
