"""Webhooks of Identus Cloud Agent: `{id, ts, type, data, walletId}` -> what happened to a record, and what went wrong.

One event of the agent may come several times: by the global webhook and by that of its wallet, and each again after a
failure. Its `id` is the same each time, its bytes are not; so the ids of our events are made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.dialects.context import MAX_CONTEXT
from tocsin.connectors.dialects.json_text import parse_json
from tocsin.connectors.dialects.members import MAX_ID_LENGTH
from tocsin.connectors.dialects.values import read_time
from tocsin.connectors.publish import InboxEvent
from tocsin.connectors.publish.reporting import FUTURE
from tocsin.connectors.sources.identus.failures import MEMBER, Failure, Retries, failed_state, failure_of, retries_of
from tocsin.connectors.sources.identus.states import KINDS, RecordKind
from tocsin.connectors.sources.port import OTHER, Heard, Message, MessageSource
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, Source

NAME = "identus"
SERVICE = "identus-cloud-agent"
"""What the problems of the agent say of where they come from."""
MAX_TYPE = 64
"""Characters of an event's type that are repeated where it is said that it is not known."""


class Envelope(Struct, frozen=True, kw_only=True):
    """An event of the agent: `id` names it, whoever sends it how often; `at` is when it happened, as it
    says itself (microseconds)."""

    id: str
    at: int | None
    type: str
    wallet: str | None
    data: object


class Record(Struct, frozen=True, kw_only=True):
    """A record as an event shows it."""

    kind: RecordKind
    id: str
    state: str | None
    thread_id: str | None
    connection: str | None
    retries: Retries
    detail: Mapping[str, str]


def read(message: Message) -> Heard:
    """What an event means. Raises Unreadable for what is no event of the agent."""
    envelope = envelope_of(message)
    message = message.of_wallet(envelope.wallet)
    what, events, ignored = _understood(message, envelope)
    return Heard(
        what=what, events=events, ignored=ignored, tenant=message.origin.tenant, wallet=envelope.wallet
    )  # fmt: skip


def _understood(message: Message, envelope: Envelope) -> tuple[str, tuple[InboxEvent, ...], tuple[str, ...]]:
    """The kind, the events, and why something becomes nothing."""
    kind, data = KINDS.get(envelope.type), envelope.data
    if kind is None:
        return OTHER, (), (f"events of type {envelope.type[:MAX_TYPE]} are not known",)
    if not isinstance(data, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/data", "an object: the record")
    record = _record(kind, data, envelope)
    if record is None:
        return envelope.type, (), (f"it does not say which record it is about: no /data/{kind.record_id}",)
    failure = failure_of(data, record.retries)
    activities, problems = _activities(message, envelope, record), _problems(message, envelope, record, failure)
    return envelope.type, (*activities, *problems), _ignored(data, failure)


def envelope_of(message: Message) -> Envelope:
    """The envelope; without an id of its own, its bytes name it. Raises Unreadable."""
    document = parse_json(message.body)
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object: id, ts, type, data, walletId")
    said = _text(document, "type", MAX_CONTEXT)
    if said is None:
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/type", f"what happened, such as {next(iter(KINDS))}")
    at = read_time(document.get("ts"))[0]
    return Envelope(
        id=_text(document, "id") or message.digest,
        at=at if at is not None and at >= 0 else None,
        type=said,
        wallet=_text(document, "walletId"),
        data=document.get("data"),
    )


def _record(kind: RecordKind, data: dict[str, Any], envelope: Envelope) -> Record | None:
    record_id = _text(data, kind.record_id, MAX_CONTEXT, "/data")
    if record_id is None:
        return None
    retries, state = retries_of(data), _text(data, kind.state, MAX_ID_LENGTH, "/data")
    tried_again = bool(data.get(MEMBER)) and state not in kind.failed
    left = None if retries.left is None else str(max(0, retries.left))
    said = {
        "role": _text(data, "role", MAX_ID_LENGTH, "/data"),
        "wallet": envelope.wallet,
        "my_did": _text(data, "myDid", None, "/data"),
        "their_did": _text(data, "theirDid", None, "/data"),
        "retries_left": left if tried_again else None,
        "next_retry": retries.next_at[:MAX_ID_LENGTH] if retries.next_at and tried_again else None,
    }
    return Record(
        kind=kind,
        id=record_id,
        state=state,
        thread_id=_text(data, "thid", MAX_ID_LENGTH, "/data"),
        connection=_text(data, kind.connection, MAX_ID_LENGTH, "/data") if kind.connection else None,
        retries=retries,
        detail={name: text for name, text in said.items() if text is not None},
    )


def _activities(message: Message, envelope: Envelope, record: Record) -> Iterator[ActivityObserved]:
    """That the record changed; and of a connection that it is open now."""
    kinds = [ActivityKind.RECORD_CHANGED]
    if record.kind.record_type == "connection" and record.state in record.kind.done:
        kinds.append(ActivityKind.CONNECTION_OPENED)
    for kind in kinds:
        yield ActivityObserved(
            **_common(message, envelope, kind.value),
            kind=kind,
            thread_id=record.thread_id,
            connection=record.connection,
            record_type=record.kind.record_type,
            record_id=record.id,
            record_state=record.state,
            detail=dict(record.detail),
        )


def _problems(
    message: Message, envelope: Envelope, record: Record, failure: Failure | None
) -> Iterator[ProblemReported]:
    """The state in which a record stays, whatever it says of tries besides: nobody tries again. Else the failure of a
    record that is not at its end: some keep one that is over."""
    failed = record.kind.failed.get(record.state or "")
    if record.state in record.kind.done:
        return
    if failed is not None:
        made, raw, side = failed_state(failed, failure), b"" if failure is None else failure.raw, failed.side
    elif failure is not None:
        made, raw, side = failure.problem, failure.raw, "own"
    else:
        return
    made = _about(made, envelope, record, side)
    yield ProblemReported(
        **_common(message, envelope, "problem"),
        problem=made,
        raw=raw,
        raw_media_type="application/problem+json" if raw else "application/octet-stream",
        tracestate=message.origin.tracestate,
    )


def _about(problem: Problem, envelope: Envelope, record: Record, side: str) -> Problem:
    kind = record.kind
    source = Source(
        service=SERVICE, wallet=envelope.wallet, connection=record.connection, protocol=kind.protocol,
        record_type=kind.record_type, record_id=record.id, side=side,
    )  # fmt: skip
    return msgspec.structs.replace(
        problem,
        source=source,
        thread_id=record.thread_id,
        context_ids=[record.thread_id] if record.thread_id else [],
        noticed_at=envelope.at,
    )


def _common(message: Message, envelope: Envelope, part: str) -> dict[str, Any]:
    origin, at = message.origin, envelope.at
    return {
        "event_id": derived_id("source", origin.tenant, NAME, envelope.id, part),
        "tenant": origin.tenant,
        "occurred_at": at if at is not None and at <= message.now + FUTURE else message.now,
        "recorded_at": message.now,
        "traceparent": origin.traceparent,
    }


def _ignored(data: dict[str, Any], failure: Failure | None) -> tuple[str, ...]:
    said = data.get(MEMBER)
    return (f"/data/{MEMBER} is neither an object nor a text",) if said and failure is None else ()


def _text(members: Mapping[str, Any], name: str, most: int | None = MAX_ID_LENGTH, above: str = "") -> str | None:
    """A member's text, None where it is empty, null or not there. Raises Unreadable for one that is no text or too
    long; without `most` such a one counts as not there."""
    value = members.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise Unreadable(UnreadableReason.WRONG_TYPE, f"{above}/{name}", "a text")
    if len(value) <= (MAX_CONTEXT if most is None else most):
        return value
    if most is None:
        return None
    raise Unreadable(UnreadableReason.TOO_LONG, f"{above}/{name}", f"at most {most} characters")


IDENTUS = MessageSource(name=NAME, read=read, kinds=frozenset(KINDS))
"""Identus Cloud Agent, whose records hold claims, credentials and proofs."""
