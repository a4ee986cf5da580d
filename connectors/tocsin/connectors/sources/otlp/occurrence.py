"""What a log record, or an exception on a span, says: the same whether it came in protobuf or in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import Unreadable, UnreadableReason
from tocsin.connectors.sources.otlp.bounds import MAX_ATTRIBUTES, MAX_EVENTS, MAX_EXCEPTIONS, Budget
from tocsin.connectors.sources.otlp.signals import ERROR, EXCEPTION
from tocsin.connectors.sources.otlp.values import as_text, plain, plain_attributes
from tocsin.schemas.problem import Severity

WARN = 13
_NANOSECONDS = 1000
_SAMPLED = 1
_WORDS = {
    Severity.ERROR: ("ERR", "FATAL", "CRIT", "EMERG", "ALERT", "PANIC", "SEVERE"),
    Severity.WARNING: ("WARN",),
}
"""How the names of severities begin, for a record that has no number of one."""


class Around(Struct, frozen=True, kw_only=True):
    """What records have in common: the attributes of their resource, and the name of their scope, which is the
    logger's. `size` is in bytes."""

    resource: Mapping[str, Any]
    scope: str
    digest: str
    size: int


def around_of(resource: Mapping[str, Any], scope: str) -> Around:
    """What records have in common, with its size and digest."""
    told = [resource, scope]
    return Around(resource=resource, scope=scope, digest=digest(told), size=len(msgspec.json.encode(told)))


class Occurrence(Struct, frozen=True, kw_only=True):
    """One error that was told. `said` are its own attributes, `of_span` those of the span whose event it is; `at` is in
    nanoseconds, 0 when nothing says it; ids are hexadecimal, empty when there are none. `shared` is the digest of all
    that it shares with others, taken once for all of them."""

    around: Around
    shared: str
    said: Mapping[str, Any]
    of_span: Mapping[str, Any] = {}
    span: str = ""
    event: str = ""
    body: Any = None
    severity: Severity
    level: str = ""
    at: int = 0
    trace_id: str = ""
    span_id: str = ""
    flags: int = 0
    tracestate: str | None = None

    @property
    def exception(self) -> str:
        """The class of the exception without its package, as `exception.type` says it: `ConnectException`; the logs of
        Python's SDK say no package, and its spans do."""
        kind = as_text(self.said.get("exception.type"))
        for mark in (".", "::", "\\", "/", "$", "*"):
            kind = kind.rstrip(mark).rpartition(mark)[2]
        return kind.strip()

    @property
    def message(self) -> str:
        """What the exception says."""
        return as_text(self.said.get("exception.message"))

    @property
    def traceparent(self) -> str | None:
        """The span in which it was, as W3C Trace Context writes it; None without one."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags & 0xFF:02x}" if self.trace_id and self.span_id else None

    @property
    def noticed_at(self) -> int | None:
        """When, in microseconds."""
        return self.at // _NANOSECONDS or None


def tells_exception(record: Any, budget: Budget) -> bool:
    """Whether a log record, or an event of a span, tells an exception. Raises Unreadable."""
    budget.look(1 + min(len(record.attributes), MAX_ATTRIBUTES))
    return any(one.key in EXCEPTION for one in record.attributes[:MAX_ATTRIBUTES])


def has_exception(span: Any, budget: Budget) -> bool:
    """Whether an exception was recorded on a span. Raises Unreadable when it has too many events."""
    if len(span.events) > MAX_EVENTS:
        raise Unreadable(UnreadableReason.TOO_MANY_MEMBERS, expected=f"at most {MAX_EVENTS} events")
    return any(tells_exception(event, budget) for event in span.events)


def tells_error(record: Any, budget: Budget) -> bool:
    """Whether a log record is an error, by its severity (a number, or else a word), or tells an exception. Raises
    Unreadable."""
    if record.severity_number >= ERROR or tells_exception(record, budget):
        return True
    return not record.severity_number and _by_word(record.severity_text) is Severity.ERROR


def of_log(record: Any, around: Around, budget: Budget) -> Occurrence:
    """A log record. Raises Unreadable."""
    number, text = record.severity_number, record.severity_text
    return Occurrence(
        around=around,
        shared=around.digest,
        said=plain_attributes(record.attributes, budget),
        event=record.event_name,
        body=plain(record.body, budget),
        severity=_by_number(number) if number else _by_word(text),
        level=text,
        at=record.time_unix_nano or record.observed_time_unix_nano,
        trace_id=_id(record.trace_id, 16),
        span_id=_id(record.span_id, 8),
        flags=record.flags,
    )


def of_span(span: Any, around: Around, budget: Budget) -> list[Occurrence]:
    """The exceptions that were recorded on a span, no more than one beyond MAX_EXCEPTIONS. Raises Unreadable."""
    told = list(islice((one for one in span.events if tells_exception(one, budget)), MAX_EXCEPTIONS + 1))
    attributes = plain_attributes(span.attributes, budget)
    shared = digest([around.digest, attributes])
    return [
        Occurrence(
            around=around,
            shared=shared,
            said=plain_attributes(event.attributes, budget),
            of_span=attributes,
            span=span.name,
            severity=Severity.ERROR,
            at=event.time_unix_nano,
            trace_id=_id(span.trace_id, 16),
            span_id=_id(span.span_id, 8),
            flags=_SAMPLED,  # or it would not have been sent
            tracestate=span.trace_state or None,
        )
        for event in told
    ]


def digest(told: object) -> str:
    """The same for what is the same."""
    return sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def _by_number(number: int) -> Severity:
    """Of a record that tells an exception: what is no error was survived."""
    return Severity.ERROR if number >= ERROR else Severity.WARNING


def _by_word(word: str) -> Severity:
    named = word.strip().upper()
    return next((severity for severity, begins in _WORDS.items() if named.startswith(begins)), Severity.UNKNOWN)


def _id(said: bytes, size: int) -> str:
    """An id in hexadecimal; of another size, or all zero, it is none."""
    return said.hex() if len(said) == size and any(said) else ""
