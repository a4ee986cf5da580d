"""The protocols that ship with Tocsin, checked as they are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files

import msgspec

from tocsin.connectors.dialects.message_types import parse_piuri
from tocsin.streams.protocols.machine import Effect, Machine, Protocol, ProtocolError

_MACHINES = files("tocsin.streams.protocols").joinpath("machines")

PROTOCOLS = tuple(
    sorted(file.name.removesuffix(".json") for file in _MACHINES.iterdir() if file.name.endswith(".json"))
)
"""The names of all protocols, one file each."""


def read_protocol(data: bytes) -> Protocol:
    """The protocol in a file's JSON. Raises ProtocolError with all that is wrong, one finding a line."""
    try:
        protocol = msgspec.json.decode(data, type=Protocol)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error)) from error
    found = findings_of(protocol)
    if found:
        raise ProtocolError("\n".join(f"{protocol.name}: {finding}" for finding in found))
    return protocol


@lru_cache
def load_protocol(name: str) -> Protocol:
    """A protocol that ships with Tocsin. Raises ProtocolError when there is none of that name."""
    if name not in PROTOCOLS:
        raise ProtocolError(f"there is no protocol {name}; there are {', '.join(PROTOCOLS)}")
    return read_protocol(_MACHINES.joinpath(f"{name}.json").read_bytes())


def protocol_of(message_type: str) -> Protocol | None:
    """The protocol that a message type or PIURI belongs to, by name and major version; None when none is known.

    A minor version that no file lists counts as its major version (RFC 0003).
    """
    parsed = parse_piuri(message_type)
    name = _by_piuri().get(parsed[:2]) if parsed else None
    return load_protocol(name) if name else None


def findings_of(protocol: Protocol) -> list[str]:
    """Everything that is wrong with a protocol, in the order of its file; nothing when it is good."""
    found = [f"piuris: {piuri} is not a PIURI" for piuri in protocol.piuris if parse_piuri(piuri) is None]
    if not protocol.piuris:
        found.append("piuris: there is none")
    for role, machine in protocol.roles.items():
        by_problem = _by_problem(protocol, machine)
        found += [f"{role}: {finding}" for finding in _machine_findings(machine, by_problem)]
    return found + list(_problem_findings(protocol))


@lru_cache
def _by_piuri() -> dict[tuple[str, int], str]:
    parsed = ((parse_piuri(piuri), name) for name in PROTOCOLS for piuri in load_protocol(name).piuris)
    return {piuri[:2]: name for piuri, name in parsed if piuri is not None}


def _by_problem(protocol: Protocol, machine: Machine) -> set[str]:
    targets = {rule.target for rule in protocol.problems} | {protocol.ended}
    return {state for state in targets if state in machine.states}


def _machine_findings(machine: Machine, by_problem: set[str]) -> Iterator[str]:
    yield from _state_findings(machine, by_problem)
    for step in machine.transitions:
        if step.origin in machine.final:
            yield f"final state {step.origin} has an exit ({step.message})"
    ways = Counter((step.origin, step.message, step.direction) for step in machine.transitions)
    for (origin, message, direction), count in ways.items():
        if count > 1:
            yield f"{message} {direction} in {origin} leads to {count} states"


def _state_findings(machine: Machine, by_problem: set[str]) -> Iterator[str]:
    named = [machine.start, *machine.final]
    named += [state for step in machine.transitions for state in (step.origin, step.target)]
    reachable = _reachable(machine, by_problem)
    yield from (f"there is no state {state}" for state in dict.fromkeys(named) if state not in machine.states)
    for state, count in Counter(machine.states).items():
        if count > 1:
            yield f"state {state} is listed {count} times"
        if state not in reachable:
            yield f"state {state} cannot be reached"
    if not machine.final:
        yield "there is no final state"


def _reachable(machine: Machine, by_problem: set[str]) -> set[str]:
    reached: set[str] = set()
    waiting = [machine.start, *by_problem]
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting += [step.target for step in machine.transitions if step.origin == state]
    return reached


def _problem_findings(protocol: Protocol) -> Iterator[str]:
    known = protocol.states()
    if protocol.ended is not None and protocol.ended not in known:
        yield f"ended: there is no state {protocol.ended}"
    for number, rule in enumerate(protocol.problems):
        for state in [*rule.states, *([rule.target] if rule.target else [])]:
            if state not in known:
                yield f"problems[{number}]: there is no state {state}"
        if (rule.effect is Effect.BACK) != (rule.target is not None):
            yield f"problems[{number}]: `to` is for the effect back, and only for it"
