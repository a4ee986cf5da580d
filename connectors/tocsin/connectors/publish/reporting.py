"""From what a publisher has in hand to the event `ProblemReported`."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import AUTO, NotAProblem, Unreadable, UnreadableReason, read_document, read_parsed
from tocsin.connectors.dialects.canonical import check_source, complete
from tocsin.connectors.dialects.expecting import unreadable
from tocsin.connectors.dialects.json_text import json_text, parse_json
from tocsin.connectors.publish.errors import NothingToPublish
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import idempotent_id, new_event_id
from tocsin.schemas.problem import Problem, Source

Report = Problem | Mapping[str, object] | bytes
"""A problem in canonical form, a parsed document of some dialect, or the document's bytes."""

FUTURE = 300 * 1_000_000
"""How far ahead of our clock, in microseconds, a publisher's time is still believed: a clock that runs ahead must
not date a problem into the future."""


class Origin(Struct, frozen=True, kw_only=True):
    """What is known about a publication besides the document. `event_id` wins over `idempotency_key`, which gives the
    same id whenever it is used again in the tenant; without either, the id is new."""

    tenant: str
    dialect: str = AUTO
    media_type: str | None = None
    idempotency_key: str | None = None
    event_id: str | None = None
    traceparent: str | None = None


def problem(code: str, **fields: object) -> Problem:
    """A problem of your own: the members of `tocsin.schemas.problem.Problem` as keywords, the rest is derived from the
    code. A text with arguments: `text_template="cannot reach {1}", args=["db"]`. `source` may be a mapping of its
    members. Raises Unreadable naming a member that is not of `source`, or too long."""
    source = fields.get("source")
    if isinstance(source, Mapping):
        fields["source"] = _source(source)
    said = Problem(dialect="canonical", code=code, **fields)  # type: ignore[arg-type]
    check_source(said)
    return complete(said)


def problem_reported(report: Report, origin: Origin, *, now: int | None = None) -> ProblemReported:
    """The event for a report. Raises Unreadable (a document no reader can take) or NothingToPublish (no problem).

    The original bytes travel with it; a document that came parsed is written as JSON again. `now` is in microseconds.
    """
    now = time.time_ns() // 1000 if now is None else now
    read, raw, media_type = _read(report, origin)
    if isinstance(read, NotAProblem):
        raise NothingToPublish(read.why, taken=read.taken)
    noticed = read.noticed_at
    return ProblemReported(
        event_id=event_id(origin),
        tenant=origin.tenant,
        occurred_at=noticed if noticed is not None and 0 <= noticed <= now + FUTURE else now,
        recorded_at=now,
        traceparent=origin.traceparent,
        problem=read,
        raw=raw,
        raw_media_type=media_type,
        idempotency_key=origin.idempotency_key,
    )


def event_id(origin: Origin) -> str:
    """The id of the event to be: the given one, the idempotency key's, or a new one."""
    if origin.event_id is not None:
        return origin.event_id
    if origin.idempotency_key is not None:
        return idempotent_id(origin.tenant, origin.idempotency_key)
    return new_event_id()


def _source(members: Mapping[str, object]) -> Source:
    strange = members.keys() - set(Source.__struct_fields__)
    if strange:
        known = ", ".join(Source.__struct_fields__)
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/source", f"only the members {known}")
    try:
        return msgspec.convert(dict(members), Source)
    except msgspec.ValidationError as error:
        raise unreadable(error, Source) from None


def _read(report: Report, origin: Origin) -> tuple[Problem | NotAProblem, bytes, str]:
    media_type = origin.media_type or "application/json"
    if isinstance(report, Problem):
        check_source(report)
        return (report if report.code_key else complete(report)), b"", media_type
    if isinstance(report, bytes):
        return read_document(report, origin.dialect, origin.media_type), report, media_type
    raw = json_text(dict(report)).encode("utf-8", "surrogatepass")
    # Read from what will be kept, not from the objects: a value that JSON would change must not slip through.
    return read_parsed(parse_json(raw), origin.dialect, origin.media_type), raw, media_type
