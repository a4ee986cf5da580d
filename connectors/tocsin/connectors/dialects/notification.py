"""A notification of another bus like this one, read back as the problem inside: two buses can be wired together.

The body is `{"type", "timestamp", "data"}` with the problem in `data.problem`, whole or in its overflow form. Each bus
that a problem passes adds one to `tocsin.hops`, by which a ring of buses ends (docs/reliability.md#loops).
"""

from __future__ import annotations

from tocsin.connectors.dialects import canonical
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.reading import NotAProblem, Unreadable, UnreadableReason, Unwritable
from tocsin.connectors.dialects.values import read_time
from tocsin.schemas.problem import Problem

NAME = "tocsin-notification"

CLOUD_EVENT_TYPES = "io.tocsin."
"""What the `type` of a notification has before it when it is told as a CloudEvent."""

HOPS = "tocsin.hops"
"""The extension that says how many buses a problem has passed."""

ORIGIN = "tocsin.origin"
"""The extension that says where the problem comes from: event id, case and tenant on the other bus."""

OVERFLOW = "tocsin.overflow"
"""The extension that says what the other bus left out of a problem that was too large."""

MAX_HOPS = 1_000_000

OPENED, REPEATED, DIGEST = "problem.opened", "problem.repeated", "problem.digest"
"""The kinds of notifications that carry a problem; each is a `type`, like those that carry none."""

PING = "endpoint.ping"
"""The kind that tells of nothing: whoever sets an endpoint up sees whether it arrives."""

_WITH_PROBLEM = frozenset({OPENED, REPEATED, DIGEST})
_ORIGIN = ("event_id", "case", "tenant")


def read(document: object) -> Problem | NotAProblem:
    """The problem inside a notification or a digest; any other one (escalation, time-out, resolved) is none: it
    is taken all the same, or its sender would send it again for days. Raises Unreadable naming the member."""
    if not isinstance(document, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object")
    kind, data = document.get("type"), document.get("data")
    if not isinstance(kind, str):
        raise Unreadable(UnreadableReason.MISSING_MEMBER, "/type", "the type of a letter")
    if not isinstance(data, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/data", "an object")
    problem = data.get("problem")
    if kind not in _WITH_PROBLEM or (problem is None and kind == DIGEST):
        return NotAProblem(NAME, "a notification of a bus that reports no problem")
    if not isinstance(problem, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, "/data/problem", "an object")
    try:
        return canonical.read(_inner(problem, data))
    except Unreadable as error:
        pointer = f"/data/problem{error.pointer}"
        raise Unreadable(error.reason, pointer, error.expected, offset=error.offset) from None


def write(problem: Problem) -> dict[str, object]:
    """Always raises Unwritable: a notification tells of an event of a bus, and only a bus has one."""
    raise Unwritable(NAME, "event_id", "the event that a bus tells of; the bus itself writes its notifications")


def looks_like(document: dict[str, object]) -> bool:
    """The envelope of Standard Webhooks, and in it what every notification of ours has."""
    data = document.get("data")
    return (
        isinstance(document.get("type"), str)
        and "timestamp" in document
        and isinstance(data, dict)
        and data.keys() >= {*_ORIGIN}
    )


def _inner(problem: dict[str, object], data: dict[str, object]) -> dict[str, object]:
    """The members as the canonical dialect reads them: times as numbers, values of extensions as JSON text."""
    stated = problem.get("extensions")
    extensions = {name: json_text(value) for name, value in stated.items()} if isinstance(stated, dict) else {}
    extensions[HOPS] = str(_hops(data, extensions) + 1)
    extensions[ORIGIN] = json_text({name: data[name] for name in _ORIGIN if name in data})
    if "overflow" in data:
        extensions[OVERFLOW] = json_text(data["overflow"])
    inner = {"dialect": NAME} | problem | {"extensions": extensions}
    source = problem.get("source")
    if isinstance(source, dict):
        # Whom to trust, and which side is one's own, every bus says for itself.
        inner["source"] = {name: value for name, value in source.items() if name not in ("trust", "side")}
    noticed = problem.get("noticed_at")
    if isinstance(noticed, str):
        inner["noticed_at"] = read_time(noticed)[0]
    return inner


def _hops(data: dict[str, object], extensions: dict[str, str]) -> int:
    said = data.get("hops")
    if isinstance(said, int) and not isinstance(said, bool):
        return min(max(said, 0), MAX_HOPS)
    text = extensions.get(HOPS, "")
    return min(int(text), MAX_HOPS) if text.isascii() and text.isdigit() and len(text) < 10 else 0
