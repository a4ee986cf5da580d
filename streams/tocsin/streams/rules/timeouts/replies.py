"""Does a message that was sent want a reply, and which policy says how long one may take?"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache

from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityObserved
from tocsin.streams.protocols import Direction, Machine, Protocol, next_state, protocol_of
from tocsin.streams.protocols.machine import ANY_MESSAGE
from tocsin.streams.rules.match import protocol_fits
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.timeouts.learning import is_replied_to
from tocsin.streams.rules.turn import Turn

EXPECTS_REPLY = "expects_reply"
"""A publisher's own word in an activity's `detail`: `true` or `false`."""


class Reply(Enum):
    """What comes after a message that was sent."""

    AWAITED = auto()
    NONE = auto()
    UNKNOWN = auto()
    """Nobody knows; whether one comes is watched, and learned."""


_SAID = {"true": Reply.AWAITED, "false": Reply.NONE}


def policy_for(policies: Iterable[TimeoutPolicy], message_type: str) -> TimeoutPolicy | None:
    """The first policy whose `messages` fit, unless it is switched off."""
    for policy in policies:
        if not policy.messages or any(_fits(message_type, wanted) for wanted in policy.messages):
            return policy if policy.enabled else None
    return None


def reply_to(turn: Turn, activity: ActivityObserved, message_type: str, policy: TimeoutPolicy) -> Reply:
    """Whether a sent message wants a reply.

    The publisher's word comes first, then a policy that names this very message, the protocol's state machine, a policy
    that names the protocol, and at last what was learned.
    """
    said = _SAID.get(activity.detail.get(EXPECTS_REPLY, "").lower())
    if said is not None:
        return said
    if is_report(message_type):  # nobody replies to a problem report
        return Reply.NONE
    if policy.messages and any(_is_message(message_type, wanted) for wanted in policy.messages):
        return Reply.AWAITED
    by_protocol = _by_protocol(turn, activity, message_type)
    if by_protocol is not None:
        return Reply.AWAITED if by_protocol else Reply.NONE
    return Reply.AWAITED if policy.messages or is_replied_to(turn, message_type, policy) else Reply.UNKNOWN


@lru_cache(maxsize=1024)  # a type that is asked for is cut to what a row keeps
def _fits(message_type: str, wanted: str) -> bool:
    return _is_message(message_type, wanted) or protocol_fits(message_type.rpartition("/")[0], wanted)


def _is_message(message_type: str, wanted: str) -> bool:
    """The whole type, or protocol, version and message of it."""
    return message_type == wanted or (wanted.count("/") == 2 and message_type.endswith("/" + wanted))


def _by_protocol(turn: Turn, activity: ActivityObserved, message_type: str) -> bool | None:
    protocol = protocol_of(message_type)
    if protocol is None or activity.thread_id is None:
        return None
    row = turn.threads.find(activity.thread_id)
    role, state = (None, None) if row is None else (row.role, row.state)
    return _waits_after(protocol.name, message_type, role, state)


@lru_cache(maxsize=4096)
def _waits_after(name: str, message_type: str, role: str | None, state: str | None) -> bool | None:
    """Whether whoever sends this message then waits for another; None when the protocol does not say, or its roles
    and states (of which `role` and `state` may be known) do not agree."""
    protocol = protocol_of(message_type)
    assert protocol is not None
    machines = {role: protocol.roles[role]} if role in protocol.roles else protocol.roles
    answers = _answers(protocol, machines, message_type, state) or _answers(protocol, machines, message_type, None)
    return answers.pop() if len(answers) == 1 else None


def _answers(protocol: Protocol, machines: dict[str, Machine], message_type: str, state: str | None) -> set[bool]:
    named: set[bool] = set()
    unnamed: set[bool] = set()
    for role, machine in machines.items():
        for origin in machine.states if state is None else [state] if state in machine.states else []:
            then = next_state(protocol, role, origin, message_type, Direction.SENT)
            if then is not None:
                (named if _is_named(machine, origin, then) else unnamed).add(_waits_in(machine, then))
    return named or unnamed


def _is_named(machine: Machine, origin: str, target: str) -> bool:
    """Whether a message that is named leads there, and not just any message."""
    steps = [step for step in machine.transitions if (step.origin, step.target) == (origin, target)]
    return any(step.direction is Direction.SENT and step.message != ANY_MESSAGE for step in steps)


def _waits_in(machine: Machine, state: str) -> bool:
    after = [step.direction for step in machine.transitions if step.origin == state]
    return Direction.RECEIVED in after and Direction.SENT not in after
