"""The shape of a protocol's file: for each role its states and transitions, and where a problem report leads."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from tocsin.schemas.errors import TocsinError

ANY_MESSAGE = "*"
"""In a transition: any message that no other transition names, except a problem report."""


class ProtocolError(TocsinError):
    """A protocol's file that does not hold together, or a protocol, role or state that there is not."""


class Direction(StrEnum):
    """Whether the role itself sent the message or received it."""

    SENT = "sent"
    RECEIVED = "received"


class Effect(StrEnum):
    """What a problem does to an interaction."""

    CONTINUES = "continues"
    BACK = "back"
    ENDED = "ended"


class Transition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a role. `message` is a message of the protocol itself, a whole message type of another, or `*`."""

    origin: str = field(name="from")
    message: str
    direction: Direction
    target: str = field(name="to")


class Machine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one role goes through. `final`: states after which nothing more is expected."""

    start: str
    states: list[str]
    final: list[str]
    transitions: list[Transition]


class ProblemRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an error leads when its code begins with one of `codes` (whole tokens; none: any code), its scope is
    `scope` and the interaction is in one of `states` (none: any). `why` is the protocol's reason."""

    effect: Effect
    why: str
    codes: list[str] = field(default_factory=list)
    scope: str | None = None
    states: list[str] = field(default_factory=list)
    target: str | None = field(default=None, name="to")


class Protocol(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One protocol, in all versions that share the machines. `ended` is the state of an interaction that a problem
    ended (None: the protocol has no name for it); `problems` are tried from the top, before the general rules."""

    name: str
    title: str
    piuris: list[str]
    source: str
    notes: list[str]
    roles: dict[str, Machine]
    problems: list[ProblemRule]
    ended: str | None = None

    def states(self) -> set[str]:
        """The states of all roles."""
        return {state for machine in self.roles.values() for state in machine.states}

    def machine(self, role: str) -> Machine:
        """The machine of a role. Raises ProtocolError when the protocol has no such role."""
        if role not in self.roles:
            raise ProtocolError(f"protocol {self.name} has no role {role}; it has {', '.join(self.roles)}")
        return self.roles[role]
