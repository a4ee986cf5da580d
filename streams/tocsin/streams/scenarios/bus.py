"""A bus in one room for one scenario: the real `decide` and `fire`, and a virtual clock.

A timer fires at its very due; one that falls into a time in which the partition was deaf fires when it hears again.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tocsin.connectors.catalogue.categories import as_catalogued
from tocsin.connectors.dialects import NotAProblem, Unreadable, read_document
from tocsin.connectors.redaction import redacted
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import ActivityObserved, CommandIssued, Event, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import DecideConfig, RuleBook, Silence
from tocsin.streams.rules.context.gaps import note_gap
from tocsin.streams.rules.decision import ANSWERS, INBOX, Decision, Emit
from tocsin.streams.rules.replay import MemoryRows, Replay
from tocsin.streams.rules.report import case_of
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.scenarios.mediation import Mediator
from tocsin.streams.scenarios.names import Line, Names, line_of_event
from tocsin.streams.scenarios.reading import (
    ACTIVITIES,
    START,
    BadScenario,
    Given,
    Scenario,
    is_span,
    made,
    say_span,
    span,
)
from tocsin.streams.scenarios.silences import silences_after


class Partition(Replay):
    """One partition that is deaf at times (`gaps`, microseconds): a timer of such a time fires when it hears again,
    behind what came meanwhile."""

    def __init__(self, config: DecideConfig, rows: MemoryRows, gaps: list[tuple[int, int]]) -> None:
        super().__init__(config, rows, START)
        self._gaps = gaps

    def fires_at(self, due: int, until: int) -> int | None:
        end = next((end for since, end in self._gaps if since < due <= end), None)
        if end is None:
            return super().fires_at(due, until)
        return end if end < until else None


class VirtualBus:
    """Runs one scenario under the rules of `book`, or those that it brings itself; `lines` is what came of it.

    Raises BadScenario for what cannot happen."""

    def __init__(self, scenario: Scenario, book: RuleBook, rows: MemoryRows | None = None) -> None:
        self.scenario = scenario
        self.lines: list[Line] = []
        self._names = Names()
        self._silences: dict[str, Silence] = {}
        gaps = [(START + span(one.body["since"]), START + one.at) for one in scenario.given if one.what == "deaf"]
        config = DecideConfig(book=_book(scenario.rules) if scenario.rules else book, **_settings(scenario.settings))
        self.partition = Partition(config, MemoryRows() if rows is None else rows, gaps)
        self._mediator = Mediator(scenario.mediation) if scenario.mediation else None
        self._reports = {one.name: one for one in scenario.given if one.name}

    def run(self) -> list[Line]:
        """Everything given, at its time, with all timers until the scenario's end."""
        for given in self.scenario.given:
            self.advance(START + given.at)
            self._take(given)
        self.advance(START + self.scenario.until)
        return self.lines

    def advance(self, until: int) -> None:
        """Let time pass until then (microseconds since the epoch)."""
        for decided in self.partition.passing(until):
            self._emitted(decided.at, decided.decisions)

    def _take(self, given: Given) -> None:
        match given.what:
            case "rules":
                self.partition.config = msgspec.structs.replace(self.partition.config, book=_book(given.body))
            case "silence":
                self._silence(given)
            case "deaf":
                note_gap(self.partition.rows, START + span(given.body["since"]), START + given.at)
            case "command":
                self._decide(self._command(given))
            case "trouble" | "exception":
                self._trouble(given)
            case "activity" | "sent" | "received" | "connected":
                self._decide(self._activity(given))
            case _:
                self._report(given)

    def _report(self, given: Given) -> None:
        dialect = "canonical" if given.what == "report" else given.what
        raw = given.body.encode() if isinstance(given.body, str) else json.dumps(given.body).encode()
        try:
            problem = read_document(raw, dialect)
        except Unreadable as refused:
            fields = {"pointer": refused.pointer, "expected": refused.expected}
            self.lines.append(Line(given.at, "refused", str(refused.reason), fields, given.tenant))
            return
        if isinstance(problem, NotAProblem):
            self.lines.append(Line(given.at, "no problem", problem.why, {}, given.tenant))
            return
        if not given.name:
            raise BadScenario(f"the {given.what} at {say_span(given.at)} needs a name: as: first")
        self._decide(self._reported(given, as_catalogued(problem), raw))

    def _reported(self, given: Given, problem: Any, raw: bytes) -> ProblemReported:
        reported = ProblemReported(**self._common(given), problem=problem, raw=raw, raw_media_type="application/json")
        return redacted(reported, self.partition.config.book.redaction_of(given.tenant))

    def _activity(self, given: Given) -> ActivityObserved:
        kind = {"kind": ACTIVITIES[given.what]} if given.what in ACTIVITIES else {}
        return made(ActivityObserved, {**self._common(given), **kind, **given.body})

    def _command(self, given: Given) -> CommandIssued:
        body = dict(given.body)
        body["target"] = self._target(str(body["target"]), given.tenant)
        if "until" in body:
            body["until"] = START + span(body["until"])
        return made(CommandIssued, {**self._common(given), "by": "ann", **body})

    def _target(self, name: str, tenant: str) -> str:
        """A report's name stands for itself, `case of <report>` for its case (also before it has come), any other name
        for the event that was called so."""
        if not name.startswith("case of "):
            return next((one for one, called in self._names.of.items() if called == name), name)
        known = next((one for one, called in self._names.of.items() if called == name), None)
        if known is not None:
            return known
        given = self._reports.get(name.removeprefix("case of "))
        problem = None if given is None else _problem_of(given)
        return name if given is None or problem is None else case_of(self._reported(given, problem, b""))

    def _silence(self, given: Given) -> None:
        silences = silences_after(self._silences, given, self._common(given))
        self.partition.config = msgspec.structs.replace(self.partition.config, silences=silences)

    def _trouble(self, given: Given) -> None:
        if self._mediator is None:
            raise BadScenario("a scenario with trouble says which `mediation` holds")
        lines, events = self._mediator.handle(given)
        self.lines.extend(lines)
        for event in events:
            times = {"occurred_at": START + given.at, "recorded_at": START + given.at, "tenant": given.tenant}
            self._names.learn(event.event_id, given.name or "trouble", given.tenant)
            self._decide(msgspec.structs.replace(event, **times))

    def _decide(self, event: Event) -> None:
        event = decode(encode(event))
        if isinstance(event, ProblemReported):
            name = self._names.of.get(event.event_id, event.event_id)
            self._names.learn_case(case_of(event), name, event.tenant)
        self.heard(event)
        self._emitted(self.partition.now, self.partition.decide(event))

    def heard(self, event: Event) -> None:
        """An event is about to be decided; for who watches."""

    def emitted(self, event: Event, topic: str) -> None:
        """An event was decided on; for who watches."""

    def _emitted(self, moment: int, decisions: list[Decision]) -> None:
        at = moment - START
        for decision in decisions:
            if decision.topic == ANSWERS:
                continue
            if not isinstance(decision, Emit):
                fields = {"stage": decision.stage, "detail": decision.detail, "topic": decision.topic}
                self.lines.append(Line(at, "dead", decision.reason, fields, decision.key))
                continue
            self.emitted(decision.event, decision.topic)
            self.lines.append(line_of_event(decision.event, at, self._names))
            if decision.topic == INBOX:
                self._decide(decision.event)

    def _common(self, given: Given) -> dict[str, Any]:
        at = START + given.at
        event_id = given.name or derived_id("given", given.what, str(given.at), str(given.body))
        times = {"occurred_at": at, "recorded_at": at}
        return {"event_id": event_id, "tenant": given.tenant, "traceparent": given.extra.get("traceparent"), **times}


def _book(rules: dict[str, Any]) -> RuleBook:
    """The rules that a scenario brings; they look up no secret."""
    book, findings = read_rules("rules", {}, content=json.dumps(rules, indent=1).encode())
    if book is None:
        raise BadScenario("\n".join(["the rules of a scenario cannot be used:", *map(str, findings)]))
    return book


def _problem_of(given: Given) -> Problem | None:
    """The problem that will be reported; None when it can't be read as one."""
    try:
        found = read_document(json.dumps(given.body).encode(), "canonical" if given.what == "report" else given.what)
    except Unreadable:
        return None
    return None if isinstance(found, NotAProblem) else found


_SETTINGS = tuple(name for name in DecideConfig.__struct_fields__ if name not in ("book", "silences", "subscriptions"))


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    found = {name: span(value) if is_span(value) else value for name, value in settings.items()}
    for name, value in found.items():
        kind = str if name == "public_url" else int
        if name not in _SETTINGS or not isinstance(value, kind):
            raise BadScenario(f"settings have {', '.join(_SETTINGS)}, as spans or numbers; not {name}: {value}")
    return found
