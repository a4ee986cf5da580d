"""Problems, threads and times as the JSON of what people are told: only what says something, values clipped on demand.

A time is RFC 3339 in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Http, Problem, Source

OVERFLOW_TEXT = 256
"""Characters that an overflow form keeps of the text."""

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
)
_context = attrgetter(*_CONTEXT)

_NO_SOURCE = Source()

_LAST_TIME = 253_402_300_799_999_999


def members_of(struct: Problem | Source | Http) -> dict[str, Any]:
    """Every member that says something."""
    names, values = _GETTERS[type(struct)]
    return {name: value for name, value in zip(names, values(struct), strict=True) if value or value is False}


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


def identity_of(problem: Problem) -> dict[str, Any]:
    """What identifies a problem, each member clipped: its form where the whole is too large."""
    members = members_of(problem)
    kept = {name: clip(members[name], OVERFLOW_NAME) for name in _KEPT if name in members}
    if problem.text is not None:
        kept["text"] = clip(problem.text, OVERFLOW_TEXT)
    return kept


def thread_json(thread: ThreadContext, *, overflow: bool) -> dict[str, Any]:
    """What is known of the thread; `overflow` leaves out the lists and clips the names."""
    told = {name: value for name, value in zip(_CONTEXT, _context(thread), strict=True) if value is not None}
    known: dict[str, Any] = {
        "thread_id": thread.thread_id,
        "depth": thread.depth,
        "count": thread.count,
        "first_seen": timestamp(thread.first_seen),
        "last_seen": timestamp(thread.last_seen),
        **told,
    }
    if not overflow:
        known["parents"], known["codes"] = thread.parents, thread.codes
        return known
    return {name: clip(value, OVERFLOW_NAME) if isinstance(value, str) else value for name, value in known.items()}


@lru_cache(maxsize=16)  # when a problem came stands in several places of what is told of it
def timestamp(micros: int) -> str:
    """Microseconds since the epoch as RFC 3339 in UTC; a time outside years 1970 to 9999 becomes the nearest inside."""
    seconds, rest = divmod(min(max(micros, 0), _LAST_TIME), 1_000_000)
    return f"{_second(seconds)}.{rest // 1000:03d}Z"


def clip(value: str | None, length: int) -> str | None:
    """The text, shortened to `length` characters with an ellipsis at its end."""
    return value if value is None or len(value) <= length else value[: length - 1] + "…"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).replace(tzinfo=None).isoformat()


def _json(text: str) -> Any:
    """The JSON value in `text`; what is no JSON, or cannot be written again, stays text."""
    try:
        return msgspec.Raw(msgspec.json.encode(msgspec.json.decode(text), order="deterministic"))
    except (msgspec.MsgspecError, RecursionError, OverflowError):
        return text
