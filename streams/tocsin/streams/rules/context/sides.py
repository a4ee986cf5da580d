"""Sides: who wrote a problem report, we or the peer, and at whose side the trouble is.

A report says `me` and `you` as its writer sees it (RFC 0035 `who-retries`, `where`), and does not say who that is. The
message that it is does: sent, it is ours; received, the peer's. It is remembered by the report's `@id`.
"""

from __future__ import annotations

from typing import Literal

from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.schemas.problem import Problem, RetryParty
from tocsin.streams.rules.context.threads import linkable
from tocsin.streams.rules.facts import REPORT_DIALECTS
from tocsin.streams.rules.state import ReferenceRow
from tocsin.streams.rules.turn import Turn

Side = Literal["own", "peer"]

_BY_KIND: dict[ActivityKind, Side] = {ActivityKind.MESSAGE_SENT: "own", ActivityKind.MESSAGE_RECEIVED: "peer"}
_OTHER: dict[Side, Side] = {"own": "peer", "peer": "own"}
_RETRIES: dict[RetryParty, tuple[Side, ...]] = {
    RetryParty.REPORTER: ("peer",),
    RetryParty.RECIPIENT: ("own",),
    RetryParty.BOTH: ("own", "peer"),
}
"""Who says that this party retries, when that is the peer: itself of itself, or we of whoever reads us."""


def note_side(turn: Turn, activity: ActivityObserved) -> None:
    """Remember whether the message of a report was sent or received; a message that does not say its type may be one.
    Of a report that went from one of ours to another, it is remembered that we sent it."""
    side, message_id = _BY_KIND.get(activity.kind), activity.message_id
    if side is None or (activity.message_type is not None and not is_report(activity.message_type)):
        return
    if message_id is not None and linkable(message_id):
        key = turn.references.key(side, message_id)
        turn.references.keep(key, ReferenceRow(None, turn.now), turn.now + turn.config.thread_ttl)


def writer_of(turn: Turn, problem: Problem) -> Side | None:
    """Who wrote the report; None when nobody says, and it is a message between agents, which has two sides.

    What is no message between agents (an HTTP problem, our own JSON) is ours. Else the direction of the message says
    it, or the side at which the trouble is (`side`) together with `where`, which names that from its writer's view.
    """
    if problem.dialect not in REPORT_DIALECTS:
        return "own"
    known = direction_of(turn, problem)
    if known is None and problem.source.side is not None:
        stated: Side = "peer" if problem.source.side == "peer" else "own"
        return _OTHER[stated] if problem.where_party == "you" else stated
    return known


def side_of(turn: Turn, problem: Problem) -> Side | None:
    """At whose side the trouble is: as stated, else at its writer's, unless that says that it is at the other's; None
    when nobody knows who wrote it."""
    if problem.source.side is not None:
        return "peer" if problem.source.side == "peer" else "own"
    writer = writer_of(turn, problem)
    if writer is None or problem.dialect not in REPORT_DIALECTS or problem.where_party != "you":
        return writer
    return _OTHER[writer]


def peer_retries(turn: Turn, problem: Problem) -> bool:
    """Whether the peer is expected to try again. A report of which nobody says who wrote it is the peer's."""
    saying = _RETRIES.get(problem.retry_party)
    return saying is not None and (len(saying) > 1 or (writer_of(turn, problem) or "peer") in saying)


def direction_of(turn: Turn, problem: Problem) -> Side | None:
    """Who sent the message that the report is, as activity told; None when it did not."""
    message_id = problem.message_id
    if message_id is None or not linkable(message_id):
        return None
    sides: tuple[Side, ...] = ("own", "peer")
    return next((side for side in sides if turn.references.find(side, message_id) is not None), None)


def party(name: str) -> str:
    """A sender or recipient as one party whichever key it used: DIDComm v2 has no fragment in `from` and `to`, and who
    sends one all the same is nobody else."""
    return name.partition("#")[0] if name.startswith("did:") else name
