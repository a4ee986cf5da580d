"""Names instead of ids, times from the start instead of microseconds: what was emitted, as a scenario writes it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tocsin.schemas.events import DeliveryRequested, EventBase
from tocsin.streams.rules.notification import timestamp
from tocsin.streams.scenarios.reading import START, say_span

_MOMENTS = frozenset({"since", "until", "first_seen", "last_seen", "first_step_at", "retry_at"})
_SPANS = frozenset({"waited", "expected"})
_COMMON = ("event_id", "occurred_at", "recorded_at")


class Line:
    """One thing that happened at `at` (microseconds from the start): `head` and `value` name it, `fields` tell it."""

    def __init__(self, at: int, head: str, value: str, fields: dict[str, Any], tenant: str) -> None:
        self.at = at
        self.tenant = tenant
        self.head = head
        self.value = value
        self.fields = fields


class Names:
    """Which id is called what: reports by the scenario, cases by their first report, events by what they are about."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}
        self._taken: set[tuple[str, str]] = set()

    def learn(self, unknown: str, name: str, tenant: str) -> None:
        """Call an id of a tenant by a name, with #2 when that is taken; the first name stands."""
        if unknown in self.of:
            return
        again, number = name, 2
        while (tenant, again) in self._taken:
            again, number = f"{name} #{number}", number + 1
        self.of[unknown] = again
        self._taken.add((tenant, again))

    def learn_case(self, case: str, report: str, tenant: str) -> None:
        """The case is called `case of <report>`."""
        self.learn(case, f"case of {report}", tenant)

    def named(self, value: Any) -> Any:
        """A value with names in place of ids, at any depth."""
        if isinstance(value, str):
            return self.of.get(value) or self._inside(value)
        if isinstance(value, dict):
            return {key: self.named(one) for key, one in value.items()}
        return [self.named(one) for one in value] if isinstance(value, list | tuple) else value

    def _inside(self, text: str) -> str:
        head, mark, tail = text.rpartition(":" if text.startswith("urn:uuid:") else "/")
        return f"{head}{mark}{self.of[tail]}" if mark and tail in self.of else text


def line_of_event(event: EventBase, at: int, names: Names) -> Line:
    """A line for an event of `problems`, `escalations` or `deliveries`."""
    if isinstance(event, DeliveryRequested):
        return _notification(event, at, names)
    kind = type(event).__name__
    fields = msgspec.to_builtins(event)
    assert isinstance(fields, dict)
    fields = {name: _told(name, value) for name, value in fields.items() if name not in _COMMON}
    names.learn(event.event_id, _name_of(kind, fields, names), event.tenant)
    if fields.get("case"):
        about = fields.get("report") or event.event_id
        names.learn_case(fields["case"], names.of.get(about, about), event.tenant)
    if "problem" in fields:
        fields["code"] = fields["problem"]["code"]
    return Line(at, "event", kind, names.named(fields), event.tenant)


def _name_of(kind: str, fields: dict[str, Any], names: Names) -> str:
    if kind == "TimeoutNoticed":
        return f"timeout {fields['thread_id']}"
    verb = kind.removeprefix("Problem").removeprefix("Escalation").lower()
    subject = fields.get("report") or fields.get("case") or ""
    return f"{verb} {names.of.get(subject, subject)}".strip()


def _notification(request: DeliveryRequested, at: int, names: Names) -> Line:
    body = json.loads(request.body)
    fields = {
        "type": body.get("type") if "data" in body else None,
        "data": body.get("data"),
        "body": body,
        "lane": request.lane,
        "about": request.about,
        "case": request.case,
        "content_type": request.content_type,
        "cause": request.cause,
        "tenant": request.tenant,
        "traceparent": request.traceparent,
        "peer": request.peer,
        "own": request.own,
        "connection": request.connection,
    }
    return Line(at, "notify", request.endpoint, names.named(fields), request.tenant)


def _told(name: str, value: Any) -> Any:
    """Times as spans from the start (those of a problem itself as RFC 3339)."""
    if isinstance(value, dict):
        return {key: _told(key, one) for key, one in value.items()}
    if isinstance(value, list):
        return [_told(name, one) for one in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if name in _MOMENTS:
        return say_span(value - START)
    if name in _SPANS:
        return say_span(value)
    return timestamp(value) if name == "noticed_at" else value
