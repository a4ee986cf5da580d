"""The event of an occurrence: its code, text, context, and what else it says, as the SDK of Python has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tocsin.connectors.dialects import Unreadable
from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH
from tocsin.connectors.dialects.context import FIELDS, read_context
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import escape
from tocsin.connectors.publish import Origin, problem_reported
from tocsin.connectors.publish.exception_codes import code_of_class, code_of_logger
from tocsin.connectors.publish.texts import MAX_TEXT
from tocsin.connectors.sources.otlp.occurrence import Occurrence, digest
from tocsin.connectors.sources.otlp.values import as_text, clipped
from tocsin.connectors.tracing import trace
from tocsin.schemas.events import ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Http, Item, Problem, Severity, Violation

PREFIX = "tocsin."
"""What begins the names of attributes by which a program says a problem's code (`tocsin.code`) and its context, by the
names of `ProblemContext`: `tocsin.thread_id`."""
CODE = f"{PREFIX}code"
_CONTEXT = (*((field, PREFIX + field) for field in FIELDS), ("service", "service.name"))
STACK = "stack_trace"
"""The extension in which the stack trace is kept."""
MAX_STACK = 16 * 1024
"""Characters of a stack trace that are kept: of a longer one its beginning and its end."""
MAX_ITEMS, MAX_ITEM, MAX_KEY = 32, 1024, 128
"""How many other attributes are told, and how many characters of each value and key."""
MINUTE = 60 * 10**9
"""Nanoseconds; within them the same exception of one span is one."""

_OF_RESOURCE = {
    "service.instance.id": "instance",
    "service.version": "release",
    "deployment.environment.name": "environment",
    "deployment.environment": "environment",
    "host.name": "host",
}
"""What is told of a resource, by the names of its attributes; of two of one kind the first."""
_PLACE = (
    ("code.file.path", "code.line.number", "code.function.name"),
    ("code.filepath", "code.lineno", "code.function"),
)
"""The attributes that say where something was logged, as they are called now and were before."""
_SHARED = frozenset({"around", "of_span"})
_TOLD = frozenset({"exception.type", "exception.message", "exception.stacktrace", *_PLACE[0], *_PLACE[1]})
"""Attributes that are no items of their own."""


def reported(occurrence: Occurrence, tenant: str, now: int) -> ProblemReported:
    """The event; the same whenever the occurrence comes again. `now` is in microseconds."""
    said, violations = _context(occurrence)
    in_common = _in_common(occurrence, said)
    origin = Origin(
        tenant=tenant, event_id=_event_id(occurrence, in_common, tenant, now), context=read_context(said),
        **trace(occurrence.traceparent, occurrence.tracestate),  # type: ignore[arg-type]
    )  # fmt: skip
    event = problem_reported(_problem(occurrence, violations), origin, now=now)
    if in_common is None:
        return event
    # by this the second report is known as the same one, whatever else it says
    raw = json_text(in_common | {"exception.message": clipped(occurrence.message, MAX_TEXT)}).encode()
    return msgspec.structs.replace(event, raw=raw, raw_media_type="application/json")


def _problem(occurrence: Occurrence, violations: list[Violation]) -> Problem:
    kind, message = occurrence.exception[:MAX_TEXT], occurrence.message
    own = as_text(occurrence.body)
    # a log of an exception says what could not be done, and the exception why
    words = dict.fromkeys(filter(None, (own, message)))
    text = clipped(": ".join(words) or kind or occurrence.event or "an error without a word", MAX_TEXT)
    return complete(
        Problem(
            dialect="canonical",
            code=_code(occurrence, kind, violations),
            conformant=not violations,
            violations=violations,
            severity=occurrence.severity,
            text=text,
            http=Http(title=kind, detail=clipped(message, MAX_TEXT) or None) if kind else None,
            items=list(_items(occurrence)),
            noticed_at=occurrence.noticed_at,
            extensions=_stack(as_text(occurrence.said.get("exception.stacktrace"))),
        ),
        severity_stated=True,
    )


def _code(occurrence: Occurrence, kind: str, violations: list[Violation]) -> str:
    code = _attribute(occurrence, CODE)
    if isinstance(code, str) and 0 < len(code) <= MAX_CODE_LENGTH and code.isprintable() and not code.isspace():
        return code
    if code not in (None, ""):
        violations.append(Violation(rule="code-not-usable", pointer=f"/attributes/{CODE}"))
    if kind:
        return code_of_class(kind)
    return code_of_logger(occurrence.around.scope, error=occurrence.severity is not Severity.WARNING)


def _context(occurrence: Occurrence) -> tuple[dict[str, Any], list[Violation]]:
    """What attributes say of the context, and those that cannot be used."""
    said: dict[str, Any] = {}
    violations: list[Violation] = []
    for field, name in _CONTEXT:
        value = _attribute(occurrence, name)
        if value in (None, "", []) or field in said:
            continue
        try:
            read_context({field: value})
        except Unreadable:
            violations.append(Violation(rule="context-not-usable", pointer=f"/attributes/{escape(name)}"))
            continue
        said[field] = value
    return said, violations


def _attribute(occurrence: Occurrence, name: str) -> Any:
    """An attribute of the record itself, of its span, or of the resource: the nearest counts."""
    for attributes in (occurrence.said, occurrence.of_span, occurrence.around.resource):
        if name in attributes:
            return attributes[name]
    return None


def _items(occurrence: Occurrence) -> Iterator[Item]:
    full = as_text(occurrence.said.get("exception.type"))
    about = {
        "exception": full if full != occurrence.exception else "",
        "logger": occurrence.around.scope,
        "level": occurrence.level,
        "event": occurrence.event,
        "span": occurrence.span,
        "logged_at": _place(occurrence),
    }
    for name, key in _OF_RESOURCE.items():
        about[key] = about.get(key) or as_text(occurrence.around.resource.get(name))
    yield from (Item(key=key, value=clipped(value, MAX_TEXT)) for key, value in about.items() if value)
    others = {**occurrence.of_span, **occurrence.said}
    told = [name for name in others if name not in _TOLD and not name.startswith(PREFIX)]
    for name in told[:MAX_ITEMS]:
        yield Item(key=clipped(name, MAX_KEY), value=clipped(as_text(others[name]), MAX_ITEM))
    if len(told) > MAX_ITEMS:
        yield Item(key="more", value=f"and {len(told) - MAX_ITEMS} more attributes")


def _place(occurrence: Occurrence) -> str:
    # The folder says where something is installed, which is nobody's business.
    for names in _PLACE:
        path, line, function = (as_text(occurrence.said.get(name)) for name in names)
        if path or function:
            return f"{path.replace(chr(92), '/').rpartition('/')[2]}:{line} {function}".strip(" :")
    return ""


def _stack(stack: str) -> dict[str, str]:
    if len(stack) > MAX_STACK:
        half = MAX_STACK // 2
        stack = f"{stack[:half]}\n... {len(stack) - 2 * half} characters more ...\n{stack[-half:]}"
    return {STACK: json_text(stack)} if stack else {}


def _in_common(occurrence: Occurrence, said: dict[str, Any]) -> dict[str, Any] | None:
    """What a log record of an exception and its span both say; None of what is no exception of a span."""
    if not occurrence.traceparent or not (occurrence.exception or occurrence.message):
        return None
    ids = {"trace_id": occurrence.trace_id, "span_id": occurrence.span_id}
    return ids | {"exception.type": occurrence.exception, "exception.message": occurrence.message, "context": said}


def _event_id(occurrence: Occurrence, in_common: dict[str, Any] | None, tenant: str, now: int) -> str:
    """Of the exception of a span, whoever tells it: a log record, or the span. Else of all that the record says."""
    at = occurrence.at or now * 1000 // MINUTE * MINUTE  # what says no time is the same for a minute, as it is resent
    if in_common is not None:
        return derived_id("otlp", tenant, str(at // MINUTE), digest(in_common))
    # `shared` stands for what it shares with others, and is not gone through again for each of them
    own = {name: getattr(occurrence, name) for name in occurrence.__struct_fields__ if name not in _SHARED}
    return derived_id("otlp", tenant, digest(own | {"at": at}))
