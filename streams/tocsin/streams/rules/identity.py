"""What identifies a problem: its form where the whole is too large, in a notification and in a row.

Names, addresses and ids are kept whole or not at all, since a cut one is another's; texts are for people, and clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH
from tocsin.schemas.problem import Http, Problem, Source

MAX_IDENTITY = 6 * 1024
"""Bytes of JSON that are kept of a problem, at most."""

OVERFLOW_TEXT = 256
"""Characters that are kept of each text for people."""

KEPT = (
    *("code", "dialect", "severity", "http.type", "http.status", "http.instance", "http.title"),
    *("thread_id", "parent_thread_id", "message_id", "code_key", "category", "scope", "impact", "retry_party"),
    *("text", "who_retries", "fix_hint", "escalation_uri", "where_party", "where_place", "noticed_at", "time_source"),
    *("request_id", "message_type", "message_sha256", "tracking_uri", "source.connection", "source.record_type"),
    *("source.record_id", "source.job", "source.service", "source.protocol", "source.wallet", "source.side"),
    *("source.trust", "source.sender"),
)
"""What is kept, the most important first, as long as there is room."""

_CLIPPED = {
    "text": OVERFLOW_TEXT, "http.title": OVERFLOW_TEXT, "fix_hint": OVERFLOW_TEXT, "where_place": OVERFLOW_TEXT,
    "code": MAX_CODE_LENGTH, "code_key": MAX_CODE_LENGTH,
}  # fmt: skip
"""To how many characters members are clipped; no reader takes a code so long."""
_GETTERS: dict[type[Any], tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {
    kind: (kind.__struct_fields__, attrgetter(*kind.__struct_fields__)) for kind in (Problem, Source, Http)
}
# One call for all members: this runs for every event, and most members of most problems are empty.
_ENCODER = msgspec.json.Encoder()


def members_of(struct: Problem | Source | Http) -> dict[str, Any]:
    """Every member that says something."""
    names, values = _GETTERS[type(struct)]
    return {name: value for name, value in zip(names, values(struct), strict=True) if value or value is False}


def identity_of(problem: Problem, room: int = MAX_IDENTITY) -> dict[str, Any]:
    """The members of KEPT as `Problem` has them, as many as `room` bytes of JSON have place for."""
    known: dict[str, Any] = {}
    for name in KEPT:
        outer, _, inner = name.rpartition(".")
        holder = getattr(problem, outer) if outer else problem
        value = None if holder is None else getattr(holder, inner)
        if value or value is False:
            known[name] = _clipped(value, _CLIPPED[name]) if name in _CLIPPED else value
    kept: dict[str, Any] = {}
    for name, value in fitting(known, room).items():
        outer, _, inner = name.rpartition(".")
        (kept.setdefault(outer, {}) if outer else kept)[inner] = value
    return kept


def fitting(members: Mapping[str, Any], room: int) -> dict[str, Any]:
    """The members that `room` bytes of JSON have place for, the first ones first; one that is too large is left out and
    the next ones are tried."""
    kept = {}
    for name, value in members.items():
        size = len(name) + len(_ENCODER.encode(value)) + len('"":,')
        if size <= room:
            kept[name], room = value, room - size
    return kept


def left_out(whole: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """The names of the members of `whole` that `kept` does not have; within an object as `http.detail`."""
    missing = []
    for name, value in whole.items():
        inner = kept.get(name)
        if inner is None:
            missing.append(name)
        elif isinstance(value, dict) and isinstance(inner, dict):
            missing += [f"{name}.{each}" for each in value if each not in inner]
    return sorted(missing)


def shortened(value: str | None, length: int) -> str | None:
    """The text, shortened to `length` characters with an ellipsis at its end."""
    return value if value is None or len(value) <= length else value[: length - 1] + "…"


def _clipped(value: Any, length: int) -> Any:
    if isinstance(value, dict):
        return {name: shortened(text, length) for name, text in value.items()}
    return shortened(value, length)
