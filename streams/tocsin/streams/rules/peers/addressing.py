"""Who is told by an endpoint that tells a DIDComm agent.

What activity said of a connection comes before what a report says of itself: whoever may report could name any other
side. A report that names its sender says who wrote it, and that is the other side unless we did.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.addressee import Addressee
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.context.parties import did_of
from tocsin.streams.rules.context.sides import writer_of
from tocsin.streams.rules.facts import REPORT_DIALECTS
from tocsin.streams.rules.peers.forms import choose
from tocsin.streams.rules.peers.learning import reader_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn


class Sides(Struct, frozen=True):
    """The two sides of a connection, as far as they are known, and who said it."""

    theirs: str | None = None
    own: str | None = None
    connection: str | None = None
    found: str = ""


def addressee_of(
    turn: Turn, endpoint: Endpoint, report: Report | None, problem: Problem | None = None
) -> Addressee | None:
    """Whom this endpoint tells of a report, or of a `problem` that was reported before, and in which form; None when
    nobody knows the other side."""
    recipient = endpoint.recipient
    if recipient is None:
        return None
    if recipient.did is not None:
        sides = Sides(recipient.did, None, None, "as the rules file says")
    elif recipient.connection is not None:
        sides = _of_connection(turn, recipient.connection)
    else:
        sides = Sides() if report is None else _other_side(turn, report)
        if sides.theirs is None:
            return None
    reader = reader_of(turn, sides.theirs, sides.connection)
    keeps_id = report is not None and _is_our_message(turn, report)
    if report is None:
        form, chosen = choose(endpoint, sides.theirs, reader, problem)
    else:
        form, chosen = choose(endpoint, sides.theirs, reader, report.reported.problem, report.context)
    learned = (reader.language,) if reader is not None and reader.language else ()
    return Addressee(
        form=form, peer=sides.theirs, own=sides.own, connection=sides.connection, found=sides.found, chosen=chosen,
        languages=endpoint.language or learned, alone=endpoint.audience != "peer", keeps_id=keeps_id,
    )  # fmt: skip


def addressees_of(
    turn: Turn, endpoints: Iterable[str], report: Report | None, problem: Problem | None = None
) -> dict[str, Addressee]:
    """The agents whom these endpoints tell by DIDComm, of those that are known, by the endpoint's name."""
    book = turn.config.book
    named = [name for name in endpoints if name in book.by_didcomm]
    found = {name: addressee_of(turn, book.endpoints[name], report, problem) for name in named}
    return {name: one for name, one in found.items() if one is not None}


def _is_our_message(turn: Turn, report: Report) -> bool:
    problem = report.problem
    return problem.message_id is not None and writer_of(turn, problem) == "own"


def _of_connection(turn: Turn, connection: str) -> Sides:
    row = turn.connections.find(connection)
    if row is None or row.theirs is None:
        return Sides(None, None, connection, f"connection {connection}, whose other side is not known yet")
    return Sides(row.theirs, row.own, connection, f"the other side of connection {connection}")


def _other_side(turn: Turn, report: Report) -> Sides:
    """The other side of the report's connection, as activity told; else as the report says it."""
    connection = report.context.connection or report.problem.source.connection
    known = _of_connection(turn, connection) if connection else Sides()
    if known.theirs is not None:
        return known
    theirs, own = _stated(turn, report.reported.problem)
    return Sides(theirs, own, connection, "as the report says" if theirs else "")


def _stated(turn: Turn, problem: Problem) -> tuple[str | None, str | None]:
    sender = did_of(problem.source.sender)
    recipient = did_of(problem.source.recipients[0]) if len(problem.source.recipients) == 1 else None
    ours = problem.dialect in REPORT_DIALECTS and writer_of(turn, problem) == "own"
    return (recipient, sender) if ours else (sender, recipient)
