"""Where the interaction of a thread stands after each entry of a time line: its messages and problems, folded. Pure.

The role is that of the machine that begins with the first message, sent or received; where a line begins in the middle,
that of the one machine that goes on from where a problem has left it. What the decision about a problem says of the
state outweighs what was counted here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tocsin.connectors.store.structs import Activity, CaseEvent, Entry, ProblemLine
from tocsin.streams.protocols import Direction, next_state, protocol_of
from tocsin.streams.rules.context.interaction import DIRECTIONS, advance, protocol_name
from tocsin.streams.rules.state import ThreadRow

_DIRECTIONS: Mapping[str, Direction] = {kind.value: direction for kind, direction in DIRECTIONS.items()}


TIMEOUT = "TimeoutNoticed"
"""The kind of the entry that says that a reply did not come."""


class Standing(Struct, frozen=True):
    """The protocol (its PIURI) and our role in it, as far as they are known, and the state."""

    protocol: str | None
    role: str | None
    state: str


def states_of(entries: Sequence[Entry]) -> dict[str, Standing]:
    """Id of an entry -> where its thread stands after it; without those of which nobody can say. The entries are the
    newest first, as time lines have them."""
    threads: dict[str, ThreadRow] = {}
    found: dict[str, Standing] = {}
    for one in reversed(entries):
        thread = one.thread_id or (one.context_thread if isinstance(one, ProblemLine) else None)
        if thread is None:
            continue
        row = _after(threads.get(thread) or ThreadRow(thread, None, one.at, one.at), one)
        threads[thread] = row
        if row.state is not None:
            found[one.id] = Standing(row.protocol, row.role, row.state)
    return found


def _after(row: ThreadRow, one: Entry) -> ThreadRow:
    if isinstance(one, Activity):
        direction = _DIRECTIONS.get(one.kind)
        if direction is None or one.message_type is None:
            return row
        return advance(_with_role(row, one.message_type, direction), one.message_type, direction)
    if isinstance(one, ProblemLine) and (one.state, one.state_after) != (None, None):
        return replace(row, state=one.state_after)
    return row


def _with_role(row: ThreadRow, message_type: str, direction: Direction) -> ThreadRow:
    """The row with the role that goes on from its state with this message, where only the state is known."""
    protocol = protocol_of(message_type)
    if protocol is None or row.role is not None or row.state is None:
        return row
    roles = [
        role
        for role, machine in protocol.roles.items()
        if row.state in machine.states and next_state(protocol, role, row.state, message_type, direction) is not None
    ]
    return replace(row, protocol=protocol_name(message_type), role=roles[0]) if len(roles) == 1 else row


class Passed(Struct, frozen=True):
    """A state of a protocol in one interaction: whether it was passed, or is where that stands; when it was reached
    last, if that is known; what struck there and which replies were missed there (ids of entries); and whether nothing
    more is expected after it."""

    state: str
    passed: bool
    current: bool
    final: bool
    at: int | None
    problems: tuple[str, ...]
    timeouts: tuple[str, ...]


def course_of(entries: Sequence[Entry], states: Mapping[str, Standing]) -> list[Passed]:
    """The states of the protocol of a thread, in its order, with what happened in each; none where the protocol, or our
    role in it, is not known. The entries are the newest first, and of one thread."""
    last = next((states[one.id] for one in entries if one.id in states and states[one.id].protocol), None)
    protocol = None if last is None else protocol_of(last.protocol or "")
    if last is None or protocol is None or last.role not in protocol.roles:
        return []
    machine = protocol.roles[last.role]
    here, reached = machine.start, dict[str, int | None]({machine.start: None})
    struck, missed = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for one in reversed(entries):
        if isinstance(one, ProblemLine):
            struck[one.state or here].append(one.id)
            reached.setdefault(one.state or here, one.at)  # what struck there was there
        elif isinstance(one, CaseEvent) and one.kind == TIMEOUT:
            missed[here].append(one.id)
        moves = isinstance(one, ProblemLine) or (isinstance(one, Activity) and one.kind in _DIRECTIONS)
        stands = states.get(one.id) if moves else None
        # a report with a thread of its own says where the one stands that it is about, and not in which protocol
        if stands is not None and stands.state != here and stands.protocol in (None, last.protocol):
            here, reached[stands.state] = stands.state, one.at
    final = frozenset(machine.final)
    return [
        Passed(
            state,
            state in reached,
            state == here,
            state in final,
            reached.get(state),
            (*struck[state],),
            (*missed[state],),
        )
        for state in dict.fromkeys((*machine.states, *reached, *struck))
    ]
