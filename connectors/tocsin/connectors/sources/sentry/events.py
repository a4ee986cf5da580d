"""An event of a Sentry SDK as a problem: what was raised or said, how bad it is, and what its program says of it.

What it has besides (the request, the user, breadcrumbs, variables, modules) is not read: it is private, and of no use
to whoever is told.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.values import read_time
from tocsin.connectors.publish.exception_codes import code_of_class, code_of_logger
from tocsin.connectors.publish.texts import MAX_TEXT
from tocsin.connectors.sources.sentry.lenient import object_of, text_of
from tocsin.connectors.sources.sentry.stacks import (
    Exceptions,
    class_of,
    exceptions_of,
    is_unhandled,
    items_of,
    trace_of,
    words_of,
)
from tocsin.connectors.sources.sentry.tags import Tagged
from tocsin.connectors.tracing import trace
from tocsin.schemas.problem import Http, Item, Problem, Severity

LEVELS = {
    "fatal": Severity.ERROR, "critical": Severity.ERROR, "error": Severity.ERROR,
    "warning": Severity.WARNING, "warn": Severity.WARNING,
}  # fmt: skip
"""What is a problem by its level."""
QUIET = frozenset({"info", "debug", "log", "trace", "notset"})
"""Levels of what is none, unless an exception came with it; any other word is an error, as for Sentry."""
ABOUT = ("logger", "level", "release", "environment", "server_name", "transaction")
"""Members that are told as items."""
MAX_ABOUT = 200
MAX_FINGERPRINT, MAX_FINGERPRINTS = 200, 20

_EVENT_ID = re.compile(r"[0-9a-f]{32}")


class EventMembers(msgspec.Struct):
    """What is read of an event, and nothing else of it."""

    event_id: Any = None
    type: Any = None
    timestamp: Any = None
    level: Any = None
    platform: Any = None
    logger: Any = None
    transaction: Any = None
    server_name: Any = None
    release: Any = None
    environment: Any = None
    message: Any = None
    logentry: Any = None
    exception: Any = None
    fingerprint: Any = None
    tags: Any = None
    extra: Any = None
    contexts: Any = None
    sdk: Any = None


def event_id_of(event: dict[str, Any]) -> str | None:
    """The id that its SDK gave it: 32 hexadecimal digits; None for what is no such id."""
    found = text_of(event.get("event_id"), 64).replace("-", "").lower()
    return found if _EVENT_ID.fullmatch(found) else None


def severity_of(event: dict[str, Any], exceptions: Exceptions) -> Severity | None:
    """How bad it is; None for what is no problem."""
    level = text_of(event.get("level"), 20).lower() or "error"
    if is_unhandled(exceptions):
        return Severity.ERROR
    if level in QUIET:
        return Severity.WARNING if exceptions else None
    return LEVELS.get(level, Severity.ERROR)


def problem_of_event(event: dict[str, Any], tagged: Tagged) -> Problem | None:
    """The problem that an event is; None if it is none."""
    exceptions = exceptions_of(event)
    severity = severity_of(event, exceptions)
    if severity is None or text_of(event.get("type"), 20) == "transaction":
        return None
    name, said, words = _name(exceptions), _message(event), words_of(exceptions[-1]) if exceptions else ""
    found = Problem(
        dialect="canonical",
        conformant=not tagged.violations,
        violations=tagged.violations,
        code=tagged.code or _code(event, name, severity),
        severity=severity,
        text=": ".join(filter(None, (said, words or name))) or "an event without words",
        http=Http(title=name, detail=words or None) if name else None,
        items=[*_about(event, exceptions), *items_of(exceptions), *tagged.items],
        noticed_at=read_time(event.get("timestamp"))[0],
        extensions=_extensions(event, exceptions),
    )
    return complete(found, severity_stated=True)


def traceparent_of(event: dict[str, Any]) -> str | None:
    """The trace in which it happened, as W3C Trace Context writes it."""
    context = object_of(object_of(event.get("contexts")).get("trace"))
    made = f"00-{text_of(context.get('trace_id'), 32)}-{text_of(context.get('span_id'), 16)}-00"
    return trace(made).get("traceparent")


def _name(exceptions: Exceptions) -> str:
    return (class_of(exceptions[-1]) or "Error") if exceptions else ""


def _message(event: dict[str, Any]) -> str:
    """What was said besides, by a logger or by the program itself."""
    for said in (event.get("logentry"), event.get("message")):
        members = object_of(said)
        text = text_of(members.get("formatted") or members.get("message") or said, MAX_TEXT)
        if text:
            return text
    return ""


def _code(event: dict[str, Any], name: str, severity: Severity) -> str:
    if name:
        return code_of_class(name)
    return code_of_logger(text_of(event.get("logger"), MAX_ABOUT), error=severity is Severity.ERROR)


def _about(event: dict[str, Any], exceptions: Exceptions) -> list[Item]:
    told = [Item(key=name, value=value) for name in ABOUT if (value := text_of(event.get(name), MAX_ABOUT))]
    return [*told, Item(key="handled", value="no")] if is_unhandled(exceptions) else told


def _extensions(event: dict[str, Any], exceptions: Exceptions) -> dict[str, str]:
    fingerprint = event.get("fingerprint")
    parts = fingerprint[:MAX_FINGERPRINTS] if isinstance(fingerprint, list) else []
    sdk = object_of(event.get("sdk"))
    stated = {
        "event_id": event_id_of(event),
        "platform": text_of(event.get("platform"), MAX_ABOUT),
        "sdk": "/".join(filter(None, (text_of(sdk.get(name), MAX_ABOUT) for name in ("name", "version")))),
        "fingerprint": [text for part in parts if (text := text_of(part, MAX_FINGERPRINT))],
    }
    told = {name: json_text(value) for name, value in stated.items() if value}
    return told | ({"stack_trace": stacks} if (stacks := trace_of(exceptions)) else {})
