"""The events of what a service captures and observes: with what is said around it, in `within`, `traced` and `init`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tocsin.connectors.sdk.around import current_context, current_trace
from tocsin.connectors.sdk.settings import Settings

if TYPE_CHECKING:
    from tocsin.connectors.publish import ProblemContext, SyncPublisher
    from tocsin.connectors.publish.port import InboxEvent
    from tocsin.connectors.publish.reporting import Report
    from tocsin.schemas.events import ActivityKind

Tell = Callable[[str, str], None]
"""Logs something once, by its kind."""


def reported(
    to: SyncPublisher,
    settings: Settings,
    tell: Tell,
    report: Report,
    items: Mapping[str, object],
    about: Mapping[str, Any],
) -> InboxEvent:
    """The event of a report. Raises what `Publisher.event_of` does."""
    from msgspec.structs import replace

    from tocsin.connectors.publish.exceptions import problem_of_exception
    from tocsin.connectors.publish.texts import MAX_TEXT, shown, text_of
    from tocsin.schemas.problem import Item, Problem

    if isinstance(report, BaseException):
        report = problem_of_exception(report, variables=settings.variables)
    if items and isinstance(report, Problem):
        told = [Item(key=text_of(key), value=shown(value, MAX_TEXT, str)) for key, value in items.items()]
        report = replace(report, items=[*told, *report.items])
    said: Any = {**current_trace(), **{name: value for name, value in about.items() if value is not None}}
    return to.event_of(report, **said | {"context": _context(about.get("context"), settings.service, tell)})


def _context(said: ProblemContext | Mapping[str, object] | None, service: str, tell: Tell) -> ProblemContext:
    """What is said of a report, and around it. A value that cannot be is left out, and that is told: the report counts
    more."""
    from msgspec.structs import replace

    from tocsin.connectors.dialects.context import FIELDS, ProblemContext, is_usable_as, near_field, read_context
    from tocsin.connectors.publish.texts import text_of

    def usable(name: str, value: object) -> bool:
        field = near_field(name)
        if field is None or value in (None, "", []) or is_usable_as(field, value):
            return True
        tell("context", f"a problem is told without its {field}, which cannot be one: too long, or not of its kind")
        return False

    if not isinstance(said, ProblemContext):
        said = read_context({name: value for name, value in (said or {}).items() if usable(name, value)})
    around = {"service": service, **current_context()}
    if strange := around.keys() - set(FIELDS):
        tell("within", f"within: {min(strange)} is none of {', '.join(FIELDS)}: left out")
    missing = {name: text_of(around[name]) for name in FIELDS if name in around and not getattr(said, name)}
    return replace(said, **{name: value for name, value in missing.items() if usable(name, value)})


def observed(to: SyncPublisher, kind: ActivityKind | str, members: Mapping[str, Any]) -> InboxEvent:
    """The event of what explains problems. Raises TypeError, ValueError."""
    from tocsin.connectors.publish.texts import MAX_TEXT, shown, text_of
    from tocsin.schemas.events import ActivityKind, ActivityObserved
    from tocsin.schemas.ids import new_event_id

    now = time.time_ns() // 1000
    usual: dict[str, Any] = {"event_id": new_event_id(), "tenant": to.tenant, "occurred_at": now, "recorded_at": now}
    usual["traceparent"] = current_trace().get("traceparent")
    if isinstance(detail := members.get("detail"), Mapping):
        usual["detail"] = {text_of(name): shown(value, MAX_TEXT, str) for name, value in detail.items()}
        members = {name: value for name, value in members.items() if name != "detail"}
    return ActivityObserved(**usual | dict(members), kind=ActivityKind(kind))
