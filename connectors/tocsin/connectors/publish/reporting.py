"""From what a publisher has in hand to the event `ProblemReported`."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import (
    AUTO,
    DIALECT_OF_MEDIA_TYPE,
    NotAProblem,
    Unreadable,
    UnreadableReason,
    read_document,
    read_parsed,
    text,
)
from tocsin.connectors.dialects.canonical import check_source, complete
from tocsin.connectors.dialects.context import ProblemContext, read_context, with_context
from tocsin.connectors.dialects.json_text import MAX_DOCUMENT, json_text, parse_json
from tocsin.connectors.dialects.refused_members import unreadable
from tocsin.connectors.publish.errors import NothingToPublish
from tocsin.connectors.publish.exceptions import problem_of_exception
from tocsin.connectors.publish.identity import digest_beside, identity_of
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import idempotent_id, new_event_id
from tocsin.schemas.problem import Problem, Source

Report = Problem | Mapping[str, object] | bytes | BaseException
"""A problem in canonical form, a parsed document of some dialect, the document's bytes, or an exception."""

TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""What names a tenant."""

JSON = "application/json"

FUTURE = 300 * 1_000_000
"""How far ahead of our clock, in microseconds, a publisher's time is still believed: a clock that runs ahead must
not date a problem into the future."""


class Origin(Struct, frozen=True, kw_only=True):
    """What is known about a publication besides the document. `event_id` wins over `idempotency_key`, which gives the
    same id whenever it is used again in the tenant and the same `key_scope`; without either, the id is new, or follows
    from the document's own id and bytes. `context` says what the document does not; `request_id` counts where neither
    names a request."""

    tenant: str
    dialect: str = AUTO
    media_type: str | None = None
    idempotency_key: str | None = None
    key_scope: tuple[str, ...] = ()
    event_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    context: ProblemContext | None = None
    request_id: str | None = None

    def within(self, *scope: str) -> Origin:
        """The same, with its key in a scope of its own."""
        return msgspec.structs.replace(self, key_scope=(*scope, *self.key_scope))


def problem(code: str, **fields: object) -> Problem:
    """A problem of your own: the members of `tocsin.schemas.problem.Problem` as keywords, the rest is derived from the
    code. A text with arguments: `text_template="cannot reach {1}", args=["db"]`. `source` may be a mapping of its
    members. Raises Unreadable naming a member that cannot be (an empty code, an unknown severity), is not of `source`,
    or too long; TypeError for one that a problem does not have."""
    if not code or not isinstance(code, str):
        raise Unreadable(
            UnreadableReason.MISSING_MEMBER, "/code", 'a problem code, such as "e.p.xfer.cant-use-endpoint"'
        )
    source = fields.get("source")
    if isinstance(source, Mapping):
        fields["source"] = _source(source)
    made = Problem(dialect="canonical", code=code, **fields)  # type: ignore[arg-type]
    try:
        made = msgspec.convert(msgspec.to_builtins(made), Problem)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise _unusable(error) from None
    check_source(made)
    return complete(made, severity_stated="severity" in fields)


def _unusable(error: Exception) -> Unreadable:
    if isinstance(error, msgspec.ValidationError):
        return unreadable(error, Problem)
    return Unreadable(UnreadableReason.WRONG_TYPE, "", "values that JSON can say")


def checked_tenant(tenant: str) -> str:
    """The tenant; raises ValueError when it is none."""
    if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
        raise ValueError(f"tenant: 1 to 64 letters, digits, '.', '_' or '-', not {tenant!r}")
    return tenant


def problem_reported(report: Report, origin: Origin, *, now: int | None = None) -> ProblemReported:
    """The event for a report. Raises Unreadable (a document no reader can take) or NothingToPublish (no problem).

    The original bytes travel with it; a document that came parsed, or in an envelope, is written as JSON again. `now`
    is in microseconds.
    """
    now = time.time_ns() // 1000 if now is None else now
    media_type = origin.media_type or JSON
    report, inner = without_envelope(report, media_type)
    read, raw = _read(report, origin)
    if isinstance(read, NotAProblem):
        raise NothingToPublish(read.why)
    beside = digest_beside(read, (inner, origin.context))
    for context in (inner, origin.context):
        read = read if context is None else with_context(read, context)
    from tocsin.connectors.catalogue.categories import as_catalogued  # not before there is a problem: it takes a while

    read = as_catalogued(read)
    if origin.request_id is not None and read.request_id is None:
        read = msgspec.structs.replace(read, request_id=origin.request_id)
    noticed = read.noticed_at
    return ProblemReported(
        event_id=event_id(origin, read, raw, beside),
        tenant=origin.tenant,
        occurred_at=noticed if noticed is not None and 0 <= noticed <= now + FUTURE else now,
        recorded_at=now,
        traceparent=origin.traceparent,
        tracestate=origin.tracestate,
        problem=read,
        raw=raw,
        raw_media_type=media_type,
        idempotency_key=origin.idempotency_key,
    )


def event_id(origin: Origin, problem: Problem | None = None, raw: bytes = b"", beside: str = "") -> str:
    """The id of the event to be: the given one; the idempotency key's; that of the document's bytes (`raw`) if it has
    an id of its own, with a digest of the context `beside` it, so that the same document sent twice in the same context
    is one event; or a new one."""
    if origin.event_id is not None:
        return origin.event_id
    if origin.idempotency_key is not None:
        return idempotent_id(origin.tenant, origin.idempotency_key, *origin.key_scope)
    identity = identity_of(problem) if raw and problem is not None else None
    if identity is not None:
        return idempotent_id(origin.tenant, identity, "document", sha256(raw).hexdigest(), *filter(None, [beside]))
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


def without_envelope(report: Report, media_type: str) -> tuple[Report, ProblemContext | None]:
    """The document in an envelope `{"context": {...}, "document": ...}`, and that context; any other report is returned
    as it is. The dialect that a media type names is then the document's; a body that is a text is one, whatever it
    looks like. Raises Unreadable."""
    if isinstance(report, Problem | BaseException) or DIALECT_OF_MEDIA_TYPE.get(media_type) == text.NAME:
        return report, None
    if isinstance(report, bytes):
        if not all(name in report for name in (b'"context"', b'"document"')):
            return report, None
        found = parse_json(report)
    else:
        found = report
    if not isinstance(found, Mapping) or found.keys() != {"context", "document"}:
        return report, None
    context, document = found["context"], found["document"]
    if not isinstance(context, Mapping):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/context", "an object")
    return json_text(document).encode("utf-8", "surrogatepass"), read_context(context)


def _read(report: Report, origin: Origin) -> tuple[Problem | NotAProblem, bytes]:
    if isinstance(report, Problem):
        check_source(report)
        return (report if report.code_key else complete(report)), b""
    if isinstance(report, bytes):
        return read_document(report, origin.dialect, origin.media_type), report
    if isinstance(report, BaseException):
        return problem_of_exception(report), b""
    if not isinstance(report, Mapping):
        raise TypeError(
            "a report is a problem (`problem(...)`), a document (a mapping, or its bytes) or an exception, "
            f"not {type(report).__name__}"
        )
    raw = json_text(dict(report)).encode("utf-8", "surrogatepass")
    # Read from what will be kept, not from the objects: a value that JSON would change must not slip through.
    return read_parsed(parse_json(raw, max_bytes=MAX_DOCUMENT), origin.dialect, origin.media_type), raw
