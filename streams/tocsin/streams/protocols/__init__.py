"""The protocols' state machines as data (`machines/*.json`), and what a message or a problem does to an interaction.

`next_state(load_protocol("issue-credential"), "holder", "request-sent", message_type, Direction.RECEIVED)`.
Pictures of all of them: PROTOCOLS.md, written by `python -m tocsin.streams.protocols.diagrams`.
"""

from __future__ import annotations

from tocsin.streams.protocols.loading import PROTOCOLS, load_protocol, protocol_of
from tocsin.streams.protocols.machine import (
    Direction,
    Effect,
    Machine,
    ProblemRule,
    Protocol,
    ProtocolError,
    Transition,
)
from tocsin.streams.protocols.stepping import AfterProblem, after_problem, next_state

__all__ = [
    "PROTOCOLS",
    "AfterProblem",
    "Direction",
    "Effect",
    "Machine",
    "ProblemRule",
    "Protocol",
    "ProtocolError",
    "Transition",
    "after_problem",
    "load_protocol",
    "next_state",
    "protocol_of",
]
