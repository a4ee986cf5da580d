"""The interaction of a thread: which protocol, which role is ours, in which state; where messages and problems take it.

Nothing states our role: it is that of the machine that begins with the first message seen, sent or received. What a
machine does not expect changes nothing.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.codes import Consequence, consequence_of_unknown
from tocsin.connectors.dialects.message_types import MAX_TYPE, parse_piuri
from tocsin.schemas.events import ActivityKind
from tocsin.schemas.problem import Severity
from tocsin.streams.protocols import Direction, Effect, Protocol, after_problem, next_state, protocol_of
from tocsin.streams.protocols.stepping import STATE_SCOPE
from tocsin.streams.rules.context.threads import MAX_TEXT
from tocsin.streams.rules.state import ThreadRow

DIRECTIONS = {ActivityKind.MESSAGE_SENT: Direction.SENT, ActivityKind.MESSAGE_RECEIVED: Direction.RECEIVED}
"""Activity that is a message, and which way it went."""


class ProblemEffect(Struct, frozen=True):
    """What a problem does to an interaction; `state` is the one afterwards, None when nobody can say which."""

    effect: str
    state: str | None


_CONTINUES = ProblemEffect(Effect.CONTINUES.value, None)
_ENDED = ProblemEffect(Effect.ENDED.value, None)


_BAD_ENDS = frozenset({"abandoned", "denied"})
"""Final states in which nothing went well."""


def protocol_name(message_type: str) -> str | None:
    """The PIURI of a message type's protocol, None for what is no message type or too long to be remembered."""
    return _protocol_name(message_type) if len(message_type) <= MAX_TYPE else None


def known_protocol(message_type: str) -> str | None:
    """The same, for the protocols whose machine is known only: a report's own type may say in which protocol it is."""
    name = protocol_name(message_type)
    return name if name and _protocol(name) else None


def advance(row: ThreadRow, message_type: str, direction: Direction) -> ThreadRow:
    """The row after a message that is no problem report."""
    name = protocol_name(message_type)
    if name is None:
        return row
    protocol = _running(row)
    if protocol is None:
        return _begin(row, name, message_type, direction)
    row = answered(row, message_type, direction)
    if not _over(protocol, row) or _protocol(name) in (protocol, None):
        return row
    return _begin(row, name, message_type, direction)


def answered(row: ThreadRow, message_type: str, direction: Direction) -> ThreadRow:
    """The row after a message that its own machine expects; an invitation is answered by the first message of a thread
    below it (out-of-band)."""
    if _running(row) is None or protocol_name(message_type) is None:
        return row
    after = _step(row.protocol or "", row.role or "", row.state or "", message_type, direction)
    return row if after is None or after == row.state else msgspec.structs.replace(row, state=after)


def completes(before: ThreadRow, after: ThreadRow, message_type: str, direction: Direction) -> bool:
    """Whether the interaction of a thread completed well with this message: it came to a good end, or, where a problem
    had ended it or nobody knows where it was, the message is one that leads to a good end."""
    name = protocol_name(message_type)
    if name is None or before.state in _good_ends(name) or not _may_complete(name, message_type, direction):
        return False
    running = _running(after)
    return running is None or after.state in _good_ends(name) or _over(running, before)


def apply_problem(row: ThreadRow, severity: Severity, scope: str | None, code: str) -> tuple[ProblemEffect, ThreadRow]:
    """Where a problem sends the interaction of `row`: as its protocol says, else as its scope and its code say; and the
    row afterwards."""
    protocol = _running(row)
    if protocol is None or row.state is None:
        return _unknown_protocol(severity, scope, code), row
    ask = _after if len(code) <= MAX_TEXT and len(scope or "") <= MAX_TEXT else _after.__wrapped__
    effect = ask(row.protocol or "", row.state, severity, scope, code)
    return effect, row if effect.state == row.state else msgspec.structs.replace(row, state=effect.state)


def _unknown_protocol(severity: Severity, scope: str | None, code: str) -> ProblemEffect:
    if scope == "message" or severity is Severity.WARNING:
        return _CONTINUES
    if severity is Severity.UNKNOWN and consequence_of_unknown(code) is Consequence.FLOW_CONTINUES:
        return _CONTINUES
    if scope is not None and scope.startswith(STATE_SCOPE):
        return ProblemEffect(Effect.BACK.value, scope.removeprefix(STATE_SCOPE)[:MAX_TEXT])
    return _ENDED


def _begin(row: ThreadRow, name: str, message_type: str, direction: Direction) -> ThreadRow:
    begun = _start(name, message_type, direction)
    if begun is not None:
        return msgspec.structs.replace(row, protocol=name, role=begun[0], state=begun[1])
    return row if row.protocol else msgspec.structs.replace(row, protocol=name)


def _running(row: ThreadRow) -> Protocol | None:
    """The row's protocol, if the row says where in it the thread is and this release knows that role and state."""
    if row.state is None or row.role is None or row.protocol is None:
        return None
    protocol = _protocol(row.protocol)
    machine = protocol.roles.get(row.role) if protocol else None
    return protocol if machine is not None and row.state in machine.states else None


def _over(protocol: Protocol, row: ThreadRow) -> bool:
    return row.state == protocol.ended or row.state in protocol.machine(row.role or "").final


# What follows is asked for every message; names and message types are bounded, and so are the caches.


@lru_cache(maxsize=4096)
def _step(name: str, role: str, state: str, message_type: str, direction: Direction) -> str | None:
    protocol = _protocol(name)
    return None if protocol is None else next_state(protocol, role, state, message_type, direction)


@lru_cache(maxsize=1024)
def _good_ends(name: str) -> frozenset[str]:
    protocol = _protocol(name)
    finals = (state for machine in protocol.roles.values() for state in machine.final) if protocol else ()
    return frozenset(finals) - _BAD_ENDS - {protocol.ended if protocol else None}


@lru_cache(maxsize=4096)
def _may_complete(name: str, message_type: str, direction: Direction) -> bool:
    """Whether a message leads some role, from some state, to a good end."""
    protocol = _protocol(name)
    after = (
        _step(name, role, state, message_type, direction)
        for role, machine in (protocol.roles.items() if protocol else ())
        for state in machine.states
    )
    return any(state in _good_ends(name) for state in after)


@lru_cache(maxsize=4096)
def _start(name: str, message_type: str, direction: Direction) -> tuple[str, str] | None:
    """The first role whose machine begins with this message, and the state that it then is in."""
    protocol = _protocol(name)
    for role, machine in protocol.roles.items() if protocol else ():
        state = _step(name, role, machine.start, message_type, direction)
        if state is not None:
            return role, state
    return None


@lru_cache(maxsize=4096)
def _after(name: str, state: str, severity: Severity, scope: str | None, code: str) -> ProblemEffect:
    protocol = _protocol(name)
    assert protocol is not None
    after = after_problem(protocol, state, severity, scope, code=code)
    return ProblemEffect(after.effect.value, after.state)


@lru_cache(maxsize=1024)
def _protocol(name: str) -> Protocol | None:
    return protocol_of(name)


@lru_cache(maxsize=1024)
def _protocol_name(message_type: str) -> str | None:
    parsed = parse_piuri(message_type)
    if parsed is None:
        return None
    name = message_type.rpartition("/")[0] if parsed[2] else message_type.rstrip("/")
    return name if len(name) <= MAX_TEXT else None
