"""What the owner of a problem is told: the body of a webhook (Standard Webhooks: type, timestamp, data).

The same notice always gives the same bytes, so every attempt and every repeat signs the same body (RELIABILITY I3).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ThreadContext
from tocsin.schemas.problem import Problem

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

_LAST_TIME = 253_402_300_799_999_999

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
    problem = msgspec.to_builtins(notice.problem)
    kept = {name: _clip(problem[name], OVERFLOW_NAME) for name in _KEPT if problem[name] is not None}
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
    return msgspec.json.encode(envelope, order="deterministic")


def timestamp(micros: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC; a time outside years 1970 to 9999 becomes the nearest inside."""
    inside = min(max(micros, 0), _LAST_TIME)
    moment = datetime.fromtimestamp(inside // 1_000_000, tz=UTC).replace(microsecond=inside % 1_000_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _problem(problem: Problem) -> dict[str, Any]:
    """Every member that says something; values of `extensions` as JSON instead of JSON text."""
    members = {name: value for name, value in msgspec.to_builtins(problem).items() if _says_something(value)}
    if "source" in members:
        members["source"] = {name: value for name, value in members["source"].items() if _says_something(value)}
    if "http" in members:
        members["http"] = {name: value for name, value in members["http"].items() if value is not None}
    if "extensions" in members:
        members["extensions"] = {name: _json(text) for name, text in problem.extensions.items()}
    if "noticed_at" in members:
        members["noticed_at"] = timestamp(members["noticed_at"])
    return {name: value for name, value in members.items() if _says_something(value)}


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


def _says_something(value: object) -> bool:
    return value is not None and value not in ([], {})
