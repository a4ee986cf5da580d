"""What the owner of a problem is told: the body of a webhook (Standard Webhooks: type, timestamp, data).

The same notice always gives the same bytes, so every attempt and every repeat signs the same body (RELIABILITY I3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ThreadContext
from tocsin.schemas.problem import Http, Problem, Source

CONTENT_TYPE = "application/json"

MAX_BODY = 64 * 1024
"""Bytes of a body (RELIABILITY 3.4); a longer one is replaced by its overflow form."""

MAX_OVERFLOW_BODY = 12 * 1024
"""Bytes that no overflow form exceeds."""

OVERFLOW_TEXT = 256
"""Characters that the overflow form keeps of the text."""

OVERFLOW_NAME = 80
"""Characters that it keeps of each other member."""

_KEPT = (
    "dialect",
    "code",
    "code_key",
    "category",
    "severity",
    "scope",
    "impact",
    "message_id",
    "message_type",
    "thread_id",
    "parent_thread_id",
    "retry_party",
    "request_id",
    "message_sha256",
)

_GETTERS: dict[type[Any], tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {
    kind: (kind.__struct_fields__, attrgetter(*kind.__struct_fields__)) for kind in (Problem, Source, Http)
}
# One call for all members: this runs for every event, and most members of most problems are empty.

_LAST_TIME = 253_402_300_799_999_999

_ENCODER = msgspec.json.Encoder(order="deterministic")

Notice = ProblemOpened | ProblemRepeated
"""The events that an owner is told of."""

_TYPES: dict[type[Notice], str] = {ProblemOpened: "problem.opened", ProblemRepeated: "problem.repeated"}


def notification(notice: Notice, occurred_at: int, public_url: str | None, limit: int = MAX_BODY) -> bytes:
    """The body for a notice about a report that occurred at `occurred_at` (microseconds); at most `limit` bytes.

    `public_url` is the gateway's address for links. A body over the limit becomes the overflow form: the members that
    identify the problem, clipped, and `data.overflow` that names what was left out and how many bytes it had.
    """
    body = _encode(notice, occurred_at, public_url, _problem(notice.problem), {})
    if len(body) <= limit:
        return body
    members = _members(notice.problem)
    kept = {name: _clip(members[name], OVERFLOW_NAME) for name in _KEPT if name in members}
    if notice.problem.text is not None:
        kept["text"] = _clip(notice.problem.text, OVERFLOW_TEXT)
    omitted = [*sorted(set(_problem(notice.problem)) - set(kept)), "thread.codes", "thread.parents"]
    overflow = {"bytes": len(body), "limit": limit, "omitted": omitted}
    return _encode(notice, occurred_at, public_url, kept, overflow)


def instance_of(event_id: str) -> str:
    """The RFC 9457 `instance` that the bus gives an occurrence (REQUIREMENTS b.1 33)."""
    return f"urn:uuid:{event_id}"


def _encode(
    notice: Notice, occurred_at: int, public_url: str | None, problem: dict[str, Any], overflow: dict[str, Any]
) -> bytes:
    data: dict[str, Any] = {
        "case": notice.case,
        "event_id": notice.report,
        "instance": instance_of(notice.report),
        "tenant": _clip(notice.tenant, OVERFLOW_TEXT),
        "count": notice.count if isinstance(notice, ProblemRepeated) else 1,
        "problem": problem,
        "thread": _thread(notice.thread, overflow=bool(overflow)),
    }
    if overflow:
        data["overflow"] = overflow
    if public_url is not None:
        data["links"] = {"self": f"{public_url.rstrip('/')}/v1/problems/{notice.report}"}
    envelope = {"type": _TYPES[type(notice)], "timestamp": timestamp(occurred_at), "data": data}
    return _ENCODER.encode(envelope)


def timestamp(micros: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC; a time outside years 1970 to 9999 becomes the nearest inside."""
    seconds, rest = divmod(min(max(micros, 0), _LAST_TIME), 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).replace(tzinfo=None).isoformat()


def _members(struct: Problem | Source | Http) -> dict[str, Any]:
    """Every member that says something."""
    names, values = _GETTERS[type(struct)]
    return {name: value for name, value in zip(names, values(struct), strict=True) if value or value is False}


def _problem(problem: Problem) -> dict[str, Any]:
    """The problem for JSON; values of `extensions` as JSON instead of JSON text."""
    members = _members(problem)
    members["source"] = _members(problem.source)
    if not members["source"]:
        del members["source"]
    if problem.http is not None:
        members["http"] = _members(problem.http)
    if problem.extensions:
        members["extensions"] = {name: _json(text) for name, text in problem.extensions.items()}
    if problem.noticed_at is not None:
        members["noticed_at"] = timestamp(problem.noticed_at)
    return members


def _thread(thread: ThreadContext, *, overflow: bool) -> dict[str, Any]:
    known: dict[str, Any] = {
        "thread_id": _clip(thread.thread_id, OVERFLOW_NAME) if overflow else thread.thread_id,
        "depth": thread.depth,
        "count": thread.count,
        "first_seen": timestamp(thread.first_seen),
        "last_seen": timestamp(thread.last_seen),
    }
    return known if overflow else {**known, "parents": thread.parents, "codes": thread.codes}


def _json(text: str) -> Any:
    """The JSON value in `text`; what is no JSON, or cannot be written again, stays text."""
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(text), order="deterministic"))
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        return text


def _clip(value: str | None, length: int) -> str | None:
    return value if value is None or len(value) <= length else value[: length - 1] + "…"
