"""What happens in a protocol: the state after a message, and after a problem. Pure functions of the protocol."""

from __future__ import annotations

from msgspec import Struct

from tocsin.connectors.dialects.codes import matches_prefix
from tocsin.connectors.dialects.message_types import REPORT, parse_piuri, plain
from tocsin.schemas.problem import Severity
from tocsin.streams.protocols.machine import (
    ANY_MESSAGE,
    Direction,
    Effect,
    ProblemRule,
    Protocol,
    ProtocolError,
    Transition,
)

STATE_SCOPE = "state:"
"""How the canonical scope begins that names a state (docs/requirements.md#b1-6)."""


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


class AfterProblem(Struct, frozen=True, kw_only=True):
    """The effect, and the state that the interaction is then in; None when nobody can say which (`ended` in a protocol
    that has no state for it, `back` to a state that the protocol's file does not know)."""

    effect: Effect
    state: str | None


def after_problem(
    protocol: Protocol, state: str, severity: Severity, scope: str | None = None, *, code: str = ""
) -> AfterProblem:
    """What a problem does to an interaction in `state`; for both parties, so no role is asked for.

    A warning changes nothing (RFC 0035: `w.`). Then the protocol's own rules by code, scope and state. Else a scope
    that names a state goes back to it, scope `message` leaves the interaction as it was (both DIDComm v2), and
    everything else ends it (RFC 0035: any code that is not known; so too when the severity is not known). What had
    ended stays as it ended. Raises ProtocolError for a state that no role has.
    """
    if state not in protocol.states():
        raise ProtocolError(f"protocol {protocol.name}: there is no state {state}")
    if _has_ended(protocol, state):
        return AfterProblem(effect=Effect.ENDED, state=state)
    if severity is Severity.WARNING:
        return AfterProblem(effect=Effect.CONTINUES, state=state)
    for rule in protocol.problems:
        if _applies(rule, state, scope, code):
            return _outcome(protocol, rule.effect, state, rule.target)
    if scope is not None and scope.startswith(STATE_SCOPE):
        named = scope.removeprefix(STATE_SCOPE)
        return _outcome(protocol, Effect.BACK, state, named if named in protocol.states() else None)
    return _outcome(protocol, Effect.CONTINUES if scope == "message" else Effect.ENDED, state, None)


def _is_message(protocol: Protocol, step: Transition, parsed: tuple[str, int, str]) -> bool:
    elsewhere = parse_piuri(step.message)
    if elsewhere is not None:
        return elsewhere == parsed
    own = (parse_piuri(piuri) for piuri in protocol.piuris)
    return plain(step.message) == parsed[2] and any(each and each[:2] == parsed[:2] for each in own)


def _has_ended(protocol: Protocol, state: str) -> bool:
    holding = [machine for machine in protocol.roles.values() if state in machine.states]
    return all(state in machine.final for machine in holding)


def _applies(rule: ProblemRule, state: str, scope: str | None, code: str) -> bool:
    if rule.states and state not in rule.states:
        return False
    if rule.scope is not None and rule.scope != scope:
        return False
    return not rule.codes or any(matches_prefix(code, prefix) for prefix in rule.codes)


def _outcome(protocol: Protocol, effect: Effect, state: str, target: str | None) -> AfterProblem:
    after = {Effect.CONTINUES: state, Effect.BACK: target, Effect.ENDED: protocol.ended}
    return AfterProblem(effect=effect, state=after[effect])
