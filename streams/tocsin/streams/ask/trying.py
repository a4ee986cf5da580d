"""What would happen to a document: read, taken through the rules, and shown. Pure, and bounded by the size of the
document and by the numbers in `rules/rehearsal.py`; it runs in a thread of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects import AUTO
from tocsin.connectors.dialects.rule_words import SOURCES, words_of_rule
from tocsin.connectors.publish import NothingToPublish, Origin, problem_reported
from tocsin.connectors.publish.reading import read_facts
from tocsin.connectors.redaction import Redaction, redacted
from tocsin.schemas.events import DeliveryRequested, EventBase, ProblemReported
from tocsin.streams.ask.stage_words import STAGE_WORDS
from tocsin.streams.rules.config import DecideConfig, Endpoint
from tocsin.streams.rules.rehearsal import Emitted, Rehearsed, StageSaid, rehearse

MOST_BODY = 32_000
"""Characters of a body that are shown."""
MOST_BODIES = 400_000
"""... and of all bodies together."""

ASSUMED = (
    "It is the first report of its thread, connection and case: what the workers remember of earlier ones is not known "
    "here, so no limit is near, no case is open, and nothing inhibits it.",
    "The rules file is the one that this gateway reads; silences and subscriptions are those that it knows of now.",
    "Nothing is sent or written; ids are of this trial alone. Timers are followed for one hour.",
)
"""What is taken for granted, for whoever reads the answer."""

SHOWN = (
    "reason", "detail", "survivor", "choice", "policy", "step", "why", "count", "by", "endpoints", "endpoint", "case",
)  # fmt: skip
"""Members of an event that say what was decided."""


class Trial(Struct, frozen=True, kw_only=True):
    """What is asked. `now` is in microseconds."""

    raw: bytes
    origin: Origin
    config: DecideConfig
    redaction: Redaction
    now: int
    notes: Sequence[str] = ()


def what_would_happen(trial: Trial) -> dict[str, Any]:
    """What would become of a document. Raises Unreadable."""
    origin, media_type = trial.origin, trial.origin.media_type
    said: dict[str, Any] = {"assumed": [*ASSUMED, *trial.notes], "dialect": origin.dialect}
    read = read_facts(trial.raw, origin.dialect or AUTO, media_type or "application/json")
    said |= {"read": read, "violations": _violations(read)}
    try:
        event = redacted(problem_reported(trial.raw, origin, now=trial.now), trial.redaction)
    except NothingToPublish as nothing:
        return said | {"is_problem": False, "why": str(nothing.why), "outcome": "no problem: nothing is published"}
    assert isinstance(event, ProblemReported)
    done = rehearse(event, trial.config, trial.now)
    return said | {"is_problem": True, "code": event.problem.code} | _decided(done, trial.config)


def _violations(read: dict[str, Any]) -> list[dict[str, Any]]:
    dialect = str(read.get("dialect") or "")
    source = SOURCES.get(dialect)
    found = []
    for one in read.get("violations") or ():
        rule, pointer = (one["rule"], one.get("pointer")) if isinstance(one, dict) else (str(one), None)
        told = {"rule": rule, "expected": words_of_rule(rule)} | ({"pointer": pointer} if pointer else {})
        found.append(told | ({"specification": {"title": source[0], "url": source[1]}} if source else {}))
    return found


def _decided(done: Rehearsed, config: DecideConfig) -> dict[str, Any]:
    last = done.stages[-1]
    return {
        "outcome": f"nobody is told: {last.reason}" if last.reason else "told" if done.told else "nobody is told",
        "stages": [_stage(one) for one in done.stages],
        "routes": done.routes or ["default_route"],
        "subscriptions": done.subscribed,
        "events": [_event(one) for one in done.emitted],
        "told": list(_told(done.told, config)),
        "whole": done.whole,
    }


def _stage(one: StageSaid) -> dict[str, Any]:
    said = msgspec.to_builtins(one)
    return {name: value for name, value in said.items() if value is not None} | {"asks": STAGE_WORDS.get(one.name, "")}


def _event(one: Emitted) -> dict[str, Any]:
    event: EventBase = one.event
    members = {name: getattr(event, name) for name in SHOWN if getattr(event, name, None) not in (None, "", [])}
    return {"after_ms": one.after // 1000, "does": type(event).__name__, **members}


def _told(told: Sequence[Emitted], config: DecideConfig) -> Any:
    left = MOST_BODIES
    for one in told:
        request = one.event
        assert isinstance(request, DeliveryRequested)
        endpoint: Endpoint | None = config.book.endpoints.get(request.endpoint)
        text = request.body.decode("utf-8", "backslashreplace")
        shown = text[: min(MOST_BODY, left)]
        left -= len(shown)
        known = {
            "endpoint": request.endpoint,
            "after_ms": one.after // 1000,
            "sink": None if endpoint is None else endpoint.sink,
            "form": None if endpoint is None else endpoint.body,
            "audience": None if endpoint is None else endpoint.audience,
            "peer": request.peer,
            "connection": request.connection,
            "content_type": request.content_type,
            "bytes": len(request.body),
            "body": shown,
            "cut": True if len(shown) < len(text) else None,
        }
        yield {name: value for name, value in known.items() if value is not None}
