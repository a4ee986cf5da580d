"""Records of ACA-Py: each webhook is a change of its record, and a problem besides where the record failed.

Their time is the record's own (`updated_at`), so that a burst that comes in another order means the same. Of a body
only ids, states and the error's text are kept: the rest are credentials, proofs and keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from tocsin.connectors.catalogue.categories import as_catalogued
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH
from tocsin.connectors.publish import problem
from tocsin.connectors.sources.acapy.members import Members, Read, common, occurred
from tocsin.connectors.sources.acapy.topics import FAILED, OPENED, RECORDS, SAME_RECORD, RecordTopic
from tocsin.connectors.sources.port import Message
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.problem import Severity

OWN = "created problem report: "
"""How the text of a failure begins that this agent told its peer, or a peer told that has these words as its code."""

_RECEIVED = re.compile(r"([A-Za-z][A-Za-z0-9._-]*): (.*)", re.DOTALL)
"""How the text of a failure looks that the peer told: a code without spaces, and what it says in English."""

Side = Literal["own", "peer"]
_SIDES: Mapping[tuple[str, str], Side] = {
    ("mediation", "client"): "peer",
    ("mediation", "server"): "own",
    ("out_of_band", "receiver"): "peer",
    ("out_of_band", "sender"): "own",
}
"""Whose doing a failure is of which no text says it, by topic and our role."""


class Record(Struct, frozen=True, kw_only=True):
    """What a webhook says of a record; `at` is what itself says of when (microseconds): the same whenever it comes."""

    topic: str
    of: RecordTopic
    kind: str
    ident: str | None
    thread: str | None
    parent: str | None
    connection: str | None
    state: str | None
    role: str | None
    error: str | None
    at: int | None
    detail: dict[str, str]
    wallet: str | None


class Failure(Struct, frozen=True):
    """What an error's text says: a code, a text, and whose doing it was, as far as it does."""

    code: str
    text: str | None
    side: Side | None


def read(body: Mapping[str, object], message: Message, wallet: str | None) -> Read:
    """The events of a record's webhook: its change, and then its problem."""
    members = Members(body)
    record = record_of(message.topic, members, wallet)
    if record.ident is None and record.thread is None and record.connection is None:
        return (), ("a record without a usable id",)
    failed = record.error is not None or (record.state or "") in FAILED
    events: list[Any] = [_change(record, message)]
    if failed:
        events.append(_problem(record, message))
    return tuple(events), members.ignored


def record_of(topic: str, members: Members, wallet: str | None) -> Record:
    """What a body says of its record."""
    of = RECORDS[topic]
    thread, parent = members.id(*of.threads), members.id(*of.parents)
    named = {name: members.word(name) for name in ("role", "their_role", "rfc23_state")}
    named |= {name: members.did(name) for name in ("their_did", "my_did")}
    return Record(
        topic=topic,
        of=of,
        kind=SAME_RECORD.get(topic, topic),
        ident=members.id(*of.ids),
        thread=thread,
        parent=None if parent == thread else parent,
        connection=members.id(of.connection),
        state=members.word("state", "status"),
        role=named["role"],
        error=members.text("error_msg"),
        at=members.at("updated_at"),
        detail={name: text for name, text in named.items() if text},
        wallet=wallet,
    )


def _change(record: Record, message: Message) -> ActivityObserved:
    opened = record.topic == "connections" and record.state in OPENED
    return ActivityObserved(
        **common(message, "record"),  # type: ignore[arg-type]
        occurred_at=occurred(record.at, message.now),
        kind=ActivityKind.CONNECTION_OPENED if opened else ActivityKind.RECORD_CHANGED,
        thread_id=record.thread,
        parent_thread_id=record.parent,
        connection=record.connection,
        record_type=record.kind,
        record_id=record.ident,
        record_state=None if record.topic in SAME_RECORD else record.state,
        detail=record.detail,
    )


def _problem(record: Record, message: Message) -> ProblemReported:
    failure = failure_of(record)
    found = problem(
        failure.code,
        severity=Severity.ERROR,
        text=failure.text,
        thread_id=record.thread,
        parent_thread_id=record.parent,
        noticed_at=record.at,
        time_source=None if record.at is None else "updated_at",
        source={
            "service": "acapy", "wallet": record.wallet, "connection": record.connection,
            "protocol": record.of.protocol, "record_type": record.kind, "record_id": record.ident,
            "side": failure.side,
        },
        extensions={name: f'"{text}"' for name, text in _kept(record).items()},
    )  # fmt: skip
    return ProblemReported(
        **common(message, "problem"),  # type: ignore[arg-type]
        occurred_at=occurred(record.at, message.now),
        problem=as_catalogued(found),
        tracestate=message.origin.tracestate,
    )


def _kept(record: Record) -> dict[str, str]:
    said = {"state": record.state, "role": record.role or record.detail.get("their_role")}
    return {f"acapy.{name}": text for name, text in said.items() if text and text.replace("-", "").isalnum()}


def failure_of(record: Record) -> Failure:
    """What went wrong with a record, and whose doing it was: an `error_msg` `<code>: <text>` is what the peer told, and
    one without a colon our agent's own. Of others, as of a connection, nothing says whose it is: ACA-Py writes a peer's
    report in this form whatever its code is, so a peer can have it write any text that has a colon and a space."""
    state, text = record.state or "", record.error
    code = record.of.code or (state if state in FAILED else "record-failed")
    side = _SIDES.get((record.topic, record.role or ""))
    if text is None:
        return Failure(code, None, side)
    if record.topic == "connections":
        return Failure("connection-abandoned", text, None)
    if text.startswith(OWN):
        return Failure(code, text.removeprefix(OWN), None)
    received = _RECEIVED.fullmatch(text)
    if record.topic == "revocation_registry":
        return Failure(code, text, "own")
    if received is None or len(received[1]) > MAX_CODE_LENGTH:
        return Failure(code, text, side or (None if ": " in text else "own"))
    return Failure(received[1], received[2] or None, "peer")
