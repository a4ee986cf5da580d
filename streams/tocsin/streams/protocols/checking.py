"""Does a protocol's file hold together? States known and reachable, ends without exits, one way per message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tocsin.connectors.dialects.message_types import parse_piuri
from tocsin.streams.protocols.machine import Effect, Machine, Protocol


def findings_of(protocol: Protocol) -> list[str]:
    """Everything that is wrong with a protocol, in the order of its file; nothing when it is good."""
    found = [f"piuris: {piuri} is not a PIURI" for piuri in protocol.piuris if parse_piuri(piuri) is None]
    if not protocol.piuris:
        found.append("piuris: there is none")
    for role, machine in protocol.roles.items():
        by_problem = _by_problem(protocol, machine)
        found += [f"{role}: {finding}" for finding in _machine_findings(machine, by_problem)]
    return found + list(_problem_findings(protocol))


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
