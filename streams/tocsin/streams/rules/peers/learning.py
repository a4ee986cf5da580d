"""What is learned of a DIDComm peer from its own reports: which DIDComm it speaks, which family of reports, in which
language it wants to be told, that it answers reports with reports; and its DID, while no activity says it.

It is kept by the peer's DID (its connection, where that is not known), so another agent behind the same connection is
learned anew. Who is not trusted, or is not the other side that is known, teaches nothing. Nothing is learned while no
endpoint tells by DIDComm.
"""

from __future__ import annotations

import re

import msgspec

from tocsin.connectors.dialects.answers import kept_value
from tocsin.connectors.dialects.members import fold
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.addressee import Addressee
from tocsin.streams.rules.context.chains import remember_sent
from tocsin.streams.rules.context.parties import did_of
from tocsin.streams.rules.context.sides import party, writer_of
from tocsin.streams.rules.facts import REPORT_DIALECTS
from tocsin.streams.rules.peers.budget import silence, thread_key, told_of_thread
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ConnectionRow, ReaderRow
from tocsin.streams.rules.trust import is_trusted
from tocsin.streams.rules.turn import Turn

GENERIC = ("notification/1.0", "report-problem/1.0")
"""Families of reports of DIDComm v1 that belong to no other protocol."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}")


def learn(turn: Turn, report: Report) -> None:
    """Note what a peer's report says of the peer. One on a thread of which the peer was told answers that: it is told
    nothing more of that thread."""
    if not turn.config.book.by_didcomm or report.problem.dialect not in REPORT_DIALECTS:
        return
    if writer_of(turn, report.problem) == "own":
        return
    told = told_of_thread(turn, report)
    if told is not None and not told.silent:
        silence(turn, report)
    if not is_trusted(report.context.trust):
        return
    _note_sides(turn, report.problem)
    subject = _subject(turn, report)
    if subject is None:
        return
    key = turn.readers.key(subject)
    known = turn.readers.get(key) or ReaderRow(0)
    refused = told.told_as if told is not None and told.told_as in GENERIC else ""
    row = _heard(known, report.problem, refused)
    if row != known or turn.now - known.last_seen >= turn.config.thread_ttl // 8:
        row = msgspec.structs.replace(row, last_seen=turn.now)
        turn.readers.keep(key, row, turn.now + turn.config.thread_ttl)


def reader_of(turn: Turn, peer: str | None, connection: str | None) -> ReaderRow | None:
    """What is known of a peer."""
    named = party(peer) if peer else connection
    return turn.readers.find(named) if named else None


def note_told(turn: Turn, report: Report, addressee: Addressee, message_id: str) -> None:
    """A peer is told of the report, in a message of this id: what it answers belongs to the report's thread."""
    row = told_of_thread(turn, report)
    if row is not None:
        family = family_of(addressee.form.message_type or "")
        turn.peers.replace(thread_key(turn, report), msgspec.structs.replace(row, told_as=family))
    remember_sent(turn, message_id, report.lane)


def family_of(message_type: str) -> str:
    """Protocol and version of a message type, without its doc URI: `notification/1.0`."""
    parts = message_type.split("/")
    return "/".join(parts[-3:-1]) if len(parts) > 3 else ""


def _note_sides(turn: Turn, problem: Problem) -> None:
    """Of a connection of which no activity says the two sides, those that a report names as which it came; not if only
    its thread says which connection that is."""
    connection, sender = problem.source.connection, did_of(problem.source.sender)
    if not connection or sender is None:
        return
    key = turn.connections.key(connection)
    known = turn.connections.get(key) or ConnectionRow(turn.now)
    own = did_of(problem.source.recipients[0]) if len(problem.source.recipients) == 1 else None
    row = msgspec.structs.replace(known, theirs=sender, own=own or known.own, reported=True)
    if row != known and (known.theirs is None or known.reported):
        row = msgspec.structs.replace(row, last_seen=turn.now)
        turn.connections.keep(key, row, turn.now + turn.config.thread_ttl)


def _subject(turn: Turn, report: Report) -> str | None:
    """By what the writer of a report is remembered; None when it is nobody who is known."""
    connection = report.context.connection or report.problem.source.connection
    row = turn.connections.find(connection) if connection else None
    known = None if row is None else row.theirs
    sender = did_of(report.problem.source.sender)
    if known is not None and sender is not None and party(known) != party(sender):
        return None
    theirs = known or sender
    return party(theirs) if theirs else connection


def _heard(known: ReaderRow, problem: Problem, refused: str) -> ReaderRow:
    """The row with what a report says of its writer."""
    version = 2 if problem.dialect == "didcomm-2.0" else 1
    family = family_of(problem.message_type or "")
    others = tuple(one for one in known.refused if one != refused)
    return msgspec.structs.replace(
        known,
        version=version,
        family=family if family in GENERIC else known.family,
        refused=(*others, refused) if refused else known.refused,
        language=_language(problem) or known.language,
    )


def _language(problem: Problem) -> str:
    """The language in which the writer of a report wants to be told: `accept-lang` (DIDComm v2), or the locale of its
    `~l10n` (RFC 0043)."""
    for name in problem.extensions:
        folded = fold(name)
        if folded not in ("acceptlang", "~l10n", "~l10n.locale"):
            continue
        said = kept_value(problem, name)
        if isinstance(said, dict):
            said = said.get("locale")
        if isinstance(said, list):
            said = said[0] if said else None
        if isinstance(said, str) and _LANGUAGE.fullmatch(said):
            return said.replace("_", "-")
    return ""
