"""A problem as Hyperledger Identus' Cloud Agent tells its controllers of one: `body: identus`
(docs/requirements.md#a4).

The envelope is `{id, ts, type, data, walletId}`, as its webhooks have it. `type` is that of the record which failed,
and `data` has the members of that record that are known here, with `metaLastFailure` as its ErrorResponse. What only
the agent knows (invitation, claims, metaRetries, ...) is left out, never made up: who needs it asks the agent
for the record by its id. What is of no such record has the type `ProblemReported`, which a controller may pass over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.documents import document_of
from tocsin.streams.rules.identity import shortened
from tocsin.streams.rules.notification import instance_of, timestamp

CONTENT_TYPE = "application/json"

OTHER = "ProblemReported"
"""The type of a problem that is of none of the agent's records."""

STATUS = 500
"""The status of a failure that names none: the agent's ErrorResponse always has one."""

MAX_VALUE = 255
"""Characters of a value besides the failure."""

ROOM = 8 * 1024
"""Bytes that the event may have besides the failure."""


class _Kind(NamedTuple):
    """What one type of event calls the members of its record; `fixed` is what each has."""

    type: str
    record_id: str
    state: str
    roles: Mapping[str, str] = {}
    connection: str | None = None
    fixed: Mapping[str, Any] = {}


_CONNECTION = _Kind(
    "ConnectionUpdated", "connectionId", "state", fixed={"kind": "Connection"},
    roles={"inviter": "Inviter", "responder": "Inviter", "invitee": "Invitee", "requester": "Invitee"},
)  # fmt: skip
_ISSUING = _Kind(
    "IssueCredentialRecordUpdated", "recordId", "protocolState", {"issuer": "Issuer", "holder": "Holder"}
)  # fmt: skip
_PRESENTATION = _Kind(
    "PresentationUpdated", "presentationId", "status", {"verifier": "Verifier", "prover": "Prover"}, "connectionId",
    {"proofs": []},
)  # fmt: skip
_DID = _Kind("DIDStatusUpdated", "did", "status")
_OTHER = _Kind(OTHER, "recordId", "state", connection="connectionId")

_BY_NAME: tuple[tuple[re.Pattern[str], _Kind], ...] = (
    (re.compile(r"connections?\b|did-?exchange|connectionrecord", re.I), _CONNECTION),
    (re.compile(r"issue-?credential|credential-?(exchange|record)|^credential$|^issuance$", re.I), _ISSUING),
    (re.compile(r"present-?proof|presentation|^proof", re.I), _PRESENTATION),
    (re.compile(r"^(managed-?)?did$", re.I), _DID),
)
"""Which names of a record's type, or of a protocol, mean which of the agent's records."""


class _Failure(Struct, omit_defaults=True):
    """The agent's ErrorResponse: the members of RFC 9457, of which all but `detail` are always there."""

    status: int | None = None
    type: str | None = None
    title: str | None = None
    detail: str | None = None
    instance: str | None = None


class Told(NamedTuple):
    """What is known of an event besides its problem."""

    about: str
    occurred_at: int
    thread: ThreadContext | None = None
    wallet: str | None = None


def identus_event(problem: Problem, told: Told, limit: int) -> bytes | None:
    """The event, at most `limit` bytes; None when not even what identifies the problem fits. The same problem always
    gives the same bytes."""
    document = document_of(problem, "rfc9457", instance_of(told.about), limit - ROOM)
    if document is None:
        return None
    found = msgspec.json.decode(document, type=_Failure)
    failure = {
        "status": found.status or STATUS,
        "type": found.type or problem.code,
        "title": found.title or problem.code,
        "instance": found.instance or instance_of(told.about),
    } | ({"detail": found.detail} if found.detail else {})
    kind, record_id = _record(problem, told.thread)
    event = {
        "id": told.about,
        "ts": timestamp(told.occurred_at),
        "type": kind.type,
        "data": _data(kind, record_id, problem, told.thread) | {"metaLastFailure": failure},
        "walletId": shortened(told.wallet, MAX_VALUE) or "",
    }
    written = msgspec.json.encode(event, order="deterministic")
    return written if len(written) <= limit else None


def _record(problem: Problem, thread: ThreadContext | None) -> tuple[_Kind, str | None]:
    """Which of the agent's records it is about, and its id; by the type of the record, else by the protocol."""
    source = problem.source
    record_type = source.record_type or (thread.record_type if thread else None)
    record_id = source.record_id or (thread.record_id if thread else None)
    connection = source.connection or (thread.connection if thread else None)
    for name in (record_type, (thread.protocol if thread else None) or source.protocol):
        for pattern, kind in _BY_NAME:
            if name and pattern.search(name):
                own = connection if kind is _CONNECTION and name != record_type else record_id
                return kind, own or (connection if kind is _CONNECTION else None)
    return _OTHER, record_id


def _data(kind: _Kind, record_id: str | None, problem: Problem, thread: ThreadContext | None) -> dict[str, Any]:
    known: dict[str, str | None] = {
        kind.record_id: record_id,
        "thid": problem.thread_id or (thread.thread_id if thread else None),
        "role": kind.roles.get(((thread.role if thread else None) or "").lower()),
        kind.state: thread.record_state if thread else None,
    }
    if kind.connection is not None:
        known[kind.connection] = problem.source.connection or (thread.connection if thread else None)
    if kind is _CONNECTION:
        known["self"] = record_id
    if kind is _OTHER:
        known["recordType"] = problem.source.record_type or (thread.record_type if thread else None)
    return {name: shortened(value, MAX_VALUE) for name, value in known.items() if value} | dict(kind.fixed)
