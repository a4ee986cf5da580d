"""The bodies of notifications (Standard Webhooks: type, timestamp, data): problems, threads and times as JSON, bounded.

The same notice always gives the same bytes, so every attempt and every repeat signs the same body. A time is RFC 3339
in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from tocsin.connectors.dialects.notification import OPENED, REPEATED
from tocsin.connectors.tracing import trace
from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ThreadContext
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.rules.facts import hops_of
from tocsin.streams.rules.identity import (
    MAX_IDENTITY,
    OVERFLOW_TEXT,
    fitting,
    identity_of,
    left_out,
    members_of,
    shortened,
)

CONTENT_TYPE = "application/json"

MAX_BODY = 64 * 1024
"""Bytes of a body; a longer one is replaced by its overflow form."""

MAX_OVERFLOW_BODY = 16 * 1024
"""Bytes that no overflow form of a notice exceeds."""

_ENCODER = msgspec.json.Encoder(order="deterministic")

Notice = ProblemOpened | ProblemRepeated
"""The events that an owner is told of."""

_TYPES: dict[type[Notice], str] = {ProblemOpened: OPENED, ProblemRepeated: REPEATED}

_OF_PROBLEM, _OF_THREAD, _OF_WORDING = 0.5, 0.15, 0.15
"""What parts of a body's limit may take up in its overflow form; the rest is small."""
_MAX_THREAD = _MAX_WORDING = 2 * 1024

_CONTEXT = (
    "found_by",
    "protocol",
    "role",
    "state",
    "effect",
    "state_after",
    "connection",
    "trust",
    "record_type",
    "record_id",
    "record_state",
    "job",
    "last_message_id",
    "last_message_type",
    "retry_of",
)
_context = attrgetter(*_CONTEXT)

_NO_SOURCE = Source()

_LAST_TIME = 253_402_300_799_999_999


def body_of_notice(
    notice: Notice,
    occurred_at: int,
    public_url: str | None,
    limit: int = MAX_BODY,
    wording: Mapping[str, Any] = MappingProxyType({}),
) -> bytes:
    """The body for a notice about a report that occurred at `occurred_at` (microseconds); at most `limit` bytes.

    `public_url` is the gateway's address for links, `wording` explains the problem (`rules.wording`). A body over the
    limit becomes the overflow form: the members that identify the problem (`identity.KEPT`), texts clipped, and
    `data.overflow` that names what was left out and how many bytes it had.
    """
    body = _encode(notice, occurred_at, public_url, _problem_members(notice.problem), {}, wording)
    if len(body) <= limit:
        return body
    kept = _kept(notice.problem, limit)
    omitted = [*left_out(problem_json(notice.problem), kept), "thread.codes", "thread.parents"]
    overflow = {"bytes": len(body), "limit": limit, "omitted": omitted}
    clipped = {name: said | {"text": shortened(said["text"], OVERFLOW_TEXT)} for name, said in wording.items()}
    clipped = fitting(clipped, min(_MAX_WORDING, int(limit * _OF_WORDING)))
    return _encode(notice, occurred_at, public_url, kept, overflow, clipped)


def body_of(kind: str, occurred_at: int, data: Mapping[str, Any], limit: int = MAX_BODY) -> bytes:
    """The body of anything else that is told: `{"type": kind, "timestamp", "data"}`; at most `limit` bytes.

    `data` is what JSON can say (its caller bounds every list and text) and may have a `problem`, a Problem. Over the
    limit the problem is cut down to what identifies it; if that is not enough every other list and object of `data` is
    left out and texts are clipped, and at last the problem too; `data.overflow` says so.
    """
    problem = data.get("problem")
    whole = dict(data) | ({"problem": problem_json(problem)} if isinstance(problem, Problem) else {})
    body = _encoded(kind, occurred_at, whole)
    if len(body) <= limit:
        return body
    bounds = {"bytes": len(body), "limit": limit}
    if isinstance(problem, Problem):
        kept = _kept(problem, limit)
        omitted = [f"problem.{name}" for name in left_out(whole["problem"], kept)]
        whole |= {"problem": kept, "overflow": {**bounds, "omitted": omitted}}
        plain = _plain({name: value for name, value in whole.items() if name != "problem"}, bounds)
        plain["overflow"]["omitted"] = sorted([*plain["overflow"]["omitted"], *omitted])
        for less in (whole, plain | {"problem": kept}):
            shorter = _encoded(kind, occurred_at, less)
            if len(shorter) <= limit:
                return shorter
    return _encoded(kind, occurred_at, _plain(whole, bounds))


def _encoded(kind: str, occurred_at: int, data: dict[str, Any]) -> bytes:
    return _ENCODER.encode({"type": kind, "timestamp": timestamp(occurred_at), "data": data})


def _plain(data: dict[str, Any], bounds: dict[str, int]) -> dict[str, Any]:
    """What is left when nothing else helps: plain values, clipped."""
    omitted = {name for name, value in data.items() if isinstance(value, list | tuple | dict)}
    plain = {name: value for name, value in data.items() if name not in omitted}
    clipped = {
        name: shortened(value, OVERFLOW_TEXT) if isinstance(value, str) else value for name, value in plain.items()
    }
    return clipped | {"overflow": {**bounds, "omitted": sorted(omitted - {"overflow"})}}


def instance_of(event_id: str) -> str:
    """The RFC 9457 `instance` that the bus gives an occurrence."""
    return f"urn:uuid:{event_id}"


def _encode(
    notice: Notice,
    occurred_at: int,
    public_url: str | None,
    problem: object,
    overflow: dict[str, Any],
    wording: Mapping[str, Any],
) -> bytes:
    data: dict[str, Any] = {
        "case": notice.case,
        "event_id": notice.report,
        "instance": instance_of(notice.report),
        "tenant": shortened(notice.tenant, OVERFLOW_TEXT),
        "count": notice.count if isinstance(notice, ProblemRepeated) else 1,
        "problem": problem,
        "thread": _thread_kept(notice.thread, overflow["limit"]) if overflow else _thread_members(notice.thread),
    }
    hops = hops_of(notice.problem)
    if hops:
        data["hops"] = hops
    if wording:
        data["wording"] = wording
    if notice.traceparent is not None:
        data |= trace(notice.traceparent, notice.tracestate)
    if overflow:
        data["overflow"] = overflow
    if public_url is not None:
        data["links"] = {"self": f"{public_url.rstrip('/')}/v1/problems/{notice.report}"}
    return _encoded(_TYPES[type(notice)], occurred_at, data)


def _members(name: str, of: type[Any], always: Collection[str] = ()) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """A struct of the members of another one, sorted as in JSON, and what gives their values. Members that are None or
    an empty list or object are left out when it is encoded, but for those that are `always` there: many times faster
    than a dict of what is left, and this is done for every event."""
    defaults: dict[str, Any] = {one.name: one.default_factory for one in msgspec.structs.fields(of)}
    fields: list[Any] = []
    for one in sorted(defaults):
        factory = defaults[one] if defaults[one] in (list, dict) else None
        default = msgspec.UNSET if one in always else None
        fields.append((one, Any, msgspec.field(default_factory=factory) if factory and one not in always else default))
    return msgspec.defstruct(name, fields, omit_defaults=True), attrgetter(*sorted(defaults))


_ProblemMembers, _of_problem = _members("ProblemMembers", Problem)
_ThreadMembers, _of_thread = _members(
    "ThreadMembers", ThreadContext, ("thread_id", "depth", "count", "parents", "codes")
)  # fmt: skip


def _problem_members(problem: Problem) -> Any:
    """What `problem_json` gives, to be encoded and nothing else."""
    values = _of_problem(problem)
    if "" in values:
        return problem_json(problem)  # a text that says nothing, which is left out too
    members = _ProblemMembers(*values)
    members.source = None if problem.source == _NO_SOURCE else members_of(problem.source) or None
    if problem.http is not None:
        members.http = members_of(problem.http)
    if problem.extensions:
        members.extensions = {name: _json(text) for name, text in problem.extensions.items()}
    if problem.noticed_at is not None:
        members.noticed_at = timestamp(problem.noticed_at)
    return members


def _thread_members(thread: ThreadContext) -> Any:
    """What `thread_json` gives, to be encoded and nothing else."""
    members = _ThreadMembers(*_of_thread(thread))
    members.first_seen, members.last_seen = timestamp(thread.first_seen), timestamp(thread.last_seen)
    return members


def problem_json(problem: Problem) -> dict[str, Any]:
    """The problem for JSON; values of `extensions` as JSON instead of JSON text."""
    members = members_of(problem)
    if problem.source == _NO_SOURCE or not (source := members_of(problem.source)):
        del members["source"]
    else:
        members["source"] = source
    if problem.http is not None:
        members["http"] = members_of(problem.http)
    if problem.extensions:
        members["extensions"] = {name: _json(text) for name, text in problem.extensions.items()}
    if problem.noticed_at is not None:
        members["noticed_at"] = timestamp(problem.noticed_at)
    return members


def _kept(problem: Problem, limit: int) -> dict[str, Any]:
    """What identifies the problem, for JSON."""
    kept = identity_of(problem, min(MAX_IDENTITY, int(limit * _OF_PROBLEM)))
    return kept | ({"noticed_at": timestamp(kept["noticed_at"])} if "noticed_at" in kept else {})


def _thread_kept(thread: ThreadContext, limit: int) -> dict[str, Any]:
    """The thread without its lists, and without names for which there is no room."""
    known = {name: value for name, value in thread_json(thread).items() if name not in ("parents", "codes")}
    return fitting(known, min(_MAX_THREAD, int(limit * _OF_THREAD)))


def thread_json(thread: ThreadContext) -> dict[str, Any]:
    """What is known of the thread."""
    known = _context(thread)
    told = {}
    if known.count(None) < len(known):
        told = {name: value for name, value in zip(_CONTEXT, known, strict=True) if value is not None}
    return {
        "thread_id": thread.thread_id,
        "depth": thread.depth,
        "count": thread.count,
        "first_seen": timestamp(thread.first_seen),
        "last_seen": timestamp(thread.last_seen),
        **told,
        "parents": thread.parents,
        "codes": thread.codes,
    }


@lru_cache(maxsize=16)  # when a problem came stands in several places of what is told of it
def timestamp(micros: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC; a time outside years 1970 to 9999 becomes the nearest inside."""
    seconds, rest = divmod(min(max(micros, 0), _LAST_TIME), 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).replace(tzinfo=None).isoformat()


def _json(text: str) -> Any:
    """The JSON value in `text`; what is no JSON, or cannot be written again, stays text."""
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(text), order="deterministic"))
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        return text
