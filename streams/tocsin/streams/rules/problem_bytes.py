"""A problem as a row keeps it: msgpack of what it says, cut to a bound."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.identity import identity_of, members_of

MAX_PROBLEM = 8 * 1024
"""Bytes of a problem in a row."""

_DROPPED = (
    ("extensions", "localized", "items"),
    ("violations", "args", "text_template", "fix_hint"),
    ("ack", "context_ids"),
    ("source",),
)
"""What is left out when a problem is too large, least missed first."""

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Problem)


def problem_bytes(problem: Problem) -> bytes:
    """The problem in at most MAX_PROBLEM bytes; what does not fit is left out (the details first), at worst all but
    what identifies it, clipped. The same problem always gives the same bytes."""
    required = {"dialect": problem.dialect, "code": problem.code}
    members: dict[str, Any] = required | members_of(problem) | {"source": members_of(problem.source)}
    data = _ENCODER.encode(members)
    for names in _DROPPED:
        if len(data) <= MAX_PROBLEM:
            return data
        for name in names:
            members.pop(name, None)
        if "http" in members:
            members["http"] = identity_of(problem).get("http", {})
        data = _ENCODER.encode(members)
    return data if len(data) <= MAX_PROBLEM else _ENCODER.encode({"dialect": "", "code": ""} | identity_of(problem))


def problem_of(data: bytes) -> Problem:
    """The problem that `problem_bytes` wrote; empty bytes (a row that never had one) are an unknown problem."""
    if not data:
        return Problem(dialect="unknown", code="unknown")
    return _DECODER.decode(data)
