"""From one state to the next: a pure function of the protocol and the message."""

from __future__ import annotations

from tocsin.connectors.dialects.message_types import REPORT, parse_piuri, plain
from tocsin.streams.protocols.machine import ANY_MESSAGE, Direction, Protocol, ProtocolError, Transition


def next_state(protocol: Protocol, role: str, state: str, message_type: str, direction: Direction) -> str | None:
    """The state after a message, None when the protocol does not expect it there (and it changes nothing).

    A problem report is never a step: ask `after_problem`. Raises ProtocolError for a role or state that is not known.
    """
    machine = protocol.machine(role)
    if state not in machine.states:
        raise ProtocolError(f"protocol {protocol.name}, role {role}: there is no state {state}")
    parsed = parse_piuri(message_type)
    if parsed is None or parsed[2] in ("", REPORT):
        return None
    any_message = None
    for step in machine.transitions:
        if step.origin != state or step.direction is not direction:
            continue
        if step.message == ANY_MESSAGE:
            any_message = step.target
        elif _is_message(protocol, step, parsed):
            return step.target
    return any_message


def _is_message(protocol: Protocol, step: Transition, parsed: tuple[str, int, str]) -> bool:
    elsewhere = parse_piuri(step.message)
    if elsewhere is not None:
        return elsewhere == parsed
    own = (parse_piuri(piuri) for piuri in protocol.piuris)
    return plain(step.message) == parsed[2] and any(each and each[:2] == parsed[:2] for each in own)
