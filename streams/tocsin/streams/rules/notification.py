"""What the owner of a problem is told: the body of a webhook (Standard Webhooks: type, timestamp, data).

The same notice always gives the same bytes, so every attempt and every repeat signs the same body (RELIABILITY I3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.schemas.events import ProblemOpened, ProblemRepeated
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.loops.hops import hops_of
from tocsin.streams.rules.told_json import OVERFLOW_TEXT, clip, identity_of, problem_json, thread_json, timestamp

__all__ = [
    "CONTENT_TYPE",
    "MAX_BODY",
    "MAX_OVERFLOW_BODY",
    "Notice",
    "instance_of",
    "letter",
    "notification",
    "timestamp",
]

CONTENT_TYPE = "application/json"

MAX_BODY = 64 * 1024
"""Bytes of a body (RELIABILITY 3.4); a longer one is replaced by its overflow form."""

MAX_OVERFLOW_BODY = 12 * 1024
"""Bytes that no overflow form of a notice exceeds."""

_ENCODER = msgspec.json.Encoder(order="deterministic")

Notice = ProblemOpened | ProblemRepeated
"""The events that an owner is told of."""

_TYPES: dict[type[Notice], str] = {ProblemOpened: "problem.opened", ProblemRepeated: "problem.repeated"}


def notification(notice: Notice, occurred_at: int, public_url: str | None, limit: int = MAX_BODY) -> bytes:
    """The body for a notice about a report that occurred at `occurred_at` (microseconds); at most `limit` bytes.

    `public_url` is the gateway's address for links. A body over the limit becomes the overflow form: the members that
    identify the problem, clipped, and `data.overflow` that names what was left out and how many bytes it had.
    """
    body = _encode(notice, occurred_at, public_url, problem_json(notice.problem), {})
    if len(body) <= limit:
        return body
    kept = identity_of(notice.problem)
    omitted = [*sorted(set(problem_json(notice.problem)) - set(kept)), "thread.codes", "thread.parents"]
    overflow = {"bytes": len(body), "limit": limit, "omitted": omitted}
    return _encode(notice, occurred_at, public_url, kept, overflow)


def letter(kind: str, occurred_at: int, data: Mapping[str, Any], limit: int = MAX_BODY) -> bytes:
    """The body of anything else that is told: `{"type": kind, "timestamp", "data"}`; at most `limit` bytes.

    `data` is what JSON can say (its caller bounds every list and text) and may have a `problem`, a Problem. Over the
    limit the problem is cut down to what identifies it, and if that is not enough every other list and object of
    `data` is left out and texts are clipped; `data.overflow` says so.
    """
    problem = data.get("problem")
    whole = dict(data) | ({"problem": problem_json(problem)} if isinstance(problem, Problem) else {})
    body = _letter(kind, occurred_at, whole)
    if len(body) <= limit:
        return body
    bounds = {"bytes": len(body), "limit": limit}
    if isinstance(problem, Problem):
        kept = identity_of(problem)
        omitted = sorted(f"problem.{name}" for name in set(whole["problem"]) - set(kept))
        whole |= {"problem": kept, "overflow": {**bounds, "omitted": omitted}}
        shorter = _letter(kind, occurred_at, whole)
        if len(shorter) <= limit:
            return shorter
    return _letter(kind, occurred_at, _plain(whole, bounds))


def _letter(kind: str, occurred_at: int, data: dict[str, Any]) -> bytes:
    return _ENCODER.encode({"type": kind, "timestamp": timestamp(occurred_at), "data": data})


def _plain(data: dict[str, Any], bounds: dict[str, int]) -> dict[str, Any]:
    """What is left when nothing else helps: plain values, clipped."""
    omitted = {name for name, value in data.items() if isinstance(value, list | tuple | dict)}
    plain = {name: value for name, value in data.items() if name not in omitted}
    clipped = {name: clip(value, OVERFLOW_TEXT) if isinstance(value, str) else value for name, value in plain.items()}
    return clipped | {"overflow": {**bounds, "omitted": sorted(omitted - {"overflow"})}}


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
        "tenant": clip(notice.tenant, OVERFLOW_TEXT),
        "count": notice.count if isinstance(notice, ProblemRepeated) else 1,
        "problem": problem,
        "thread": thread_json(notice.thread, overflow=bool(overflow)),
    }
    hops = hops_of(notice.problem)
    if hops:
        data["hops"] = hops
    if overflow:
        data["overflow"] = overflow
    if public_url is not None:
        data["links"] = {"self": f"{public_url.rstrip('/')}/v1/problems/{notice.report}"}
    return _letter(_TYPES[type(notice)], occurred_at, data)
