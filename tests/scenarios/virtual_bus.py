"""A bus in one room for one scenario: the real `decide` and `fire`, rows that go through their bytes, a virtual clock.

A timer fires at its very due; one that falls into a time in which the partition was deaf fires when it hears again.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tests.harness.dict_rows import DictRows
from tests.harness.unanswered import without_answers
from tests.scenarios.scenario_file import ACTIVITIES, START, BadScenario, Given, Scenario, is_span, span
from tests.scenarios.scenario_mediation import Mediator
from tests.scenarios.scenario_names import Line, Names, line_of_event
from tests.scenarios.scenario_silences import silences_after
from tocsin.connectors.catalogue.categories import as_catalogued
from tocsin.connectors.dialects import NotAProblem, Unreadable, read_document
from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    Event,
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemSuppressed,
)
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.config import DecideConfig, RuleBook, Silence
from tocsin.streams.rules.decision import INBOX, Decision, Emit
from tocsin.streams.rules.replay import Replay
from tocsin.streams.rules.report import case_of
from tocsin.streams.rules.timeouts.grace import note_gap
from tocsin.streams.rulesfile import load_rulebook

Made = TypeVar("Made", ActivityObserved, CommandIssued)

YEAR = 366 * 86_400_000_000
"""After this long without anything new, nothing may be remembered."""


class Partition(Replay):
    """One partition that is deaf at times (`gaps`, microseconds): a timer of such a time fires when it hears again,
    behind what came meanwhile."""

    def __init__(self, config: DecideConfig, gaps: list[tuple[int, int]]) -> None:
        super().__init__(config, DictRows(), START)
        self._gaps = gaps

    def fires_at(self, due: int, until: int) -> int | None:
        end = next((end for since, end in self._gaps if since < due <= end), None)
        if end is None:
            return super().fires_at(due, until)
        return end if end < until else None


class VirtualBus:
    """Runs one scenario; `lines` is what came of it."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self.lines: list[Line] = []
        self.ends: Counter[str] = Counter()
        self._folder = folder
        self._names = Names()
        self._silences: dict[str, Silence] = {}
        gaps = [(START + span(one.body["since"]), START + one.at) for one in scenario.given if one.what == "deaf"]
        config = DecideConfig(book=self._book(scenario.rules), **_settings(scenario.settings))
        self._partition = Partition(config, gaps)
        self._mediator = Mediator(scenario.mediation) if scenario.mediation else None
        self._reports = {one.name: one for one in scenario.given if one.name}

    def run(self) -> list[Line]:
        """Everything given, at its time, with all timers until the scenario's end."""
        for given in self.scenario.given:
            self._advance(START + given.at)
            self._take(given)
        self._advance(START + self.scenario.until)
        return self.lines

    def leftovers(self) -> list[str]:
        """Row keys that are still there a year later: rows that no timer forgets."""
        self._advance(self._partition.now + YEAR)
        return sorted(self._partition.rows.rows)

    def _advance(self, until: int) -> None:
        for decided in self._partition.wait(until):
            self._emitted(decided.at, decided.decisions)
        assert self._partition.left_due == [], "a rule left its timer due: it would fire for ever"

    def _take(self, given: Given) -> None:
        match given.what:
            case "rules":
                self._partition.config = msgspec.structs.replace(self._partition.config, book=self._book(given.body))
            case "silence":
                self._silence(given)
            case "deaf":
                note_gap(self._partition.rows, START + span(given.body["since"]), START + given.at)
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
        assert given.name, f"the report at {given.at} needs a name (as: ...)"
        self._decide(self._reported(given, as_catalogued(problem), raw))

    def _reported(self, given: Given, problem: Any, raw: bytes) -> ProblemReported:
        return ProblemReported(**self._common(given), problem=problem, raw=raw, raw_media_type="application/json")

    def _activity(self, given: Given) -> ActivityObserved:
        kind = {"kind": ACTIVITIES[given.what]} if given.what in ACTIVITIES else {}
        return _made(ActivityObserved, {**self._common(given), **kind, **given.body})

    def _command(self, given: Given) -> CommandIssued:
        body = dict(given.body)
        body["target"] = self._target(str(body["target"]), given.tenant)
        if "until" in body:
            body["until"] = START + span(body["until"])
        return _made(CommandIssued, {**self._common(given), "by": "ann", **body})

    def _target(self, name: str, tenant: str) -> str:
        """A report's name stands for itself, `case of <report>` for its case (also before it has come), any other name
        for the event that was called so."""
        if not name.startswith("case of "):
            return next((one for one, called in self._names.of.items() if called == name), name)
        known = next((one for one, called in self._names.of.items() if called == name), None)
        if known is not None:
            return known
        given = self._reports[name.removeprefix("case of ")]
        problem = read_document(json.dumps(given.body).encode(), "canonical" if given.what == "report" else given.what)
        return case_of(self._reported(given, problem, b""))

    def _silence(self, given: Given) -> None:
        silences = silences_after(self._silences, given, self._common(given))
        self._partition.config = msgspec.structs.replace(self._partition.config, silences=silences)

    def _trouble(self, given: Given) -> None:
        assert self._mediator is not None, "a scenario with trouble says which `mediation` holds"
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
            self.ends[f"{event.event_id} came"] += 1
        self._emitted(self._partition.now, self._partition.decide(event))

    def _emitted(self, moment: int, decisions: list[Decision]) -> None:
        at = moment - START
        for decision in without_answers(decisions):
            if not isinstance(decision, Emit):
                fields = {"stage": decision.stage, "detail": decision.detail, "topic": decision.topic}
                self.lines.append(Line(at, "dead", decision.reason, fields, decision.key))
                continue
            event = decision.event
            assert decode(encode(event)) == event, f"{type(event).__name__} does not survive the topic {decision.topic}"
            if isinstance(event, ProblemOpened | ProblemRepeated | ProblemSuppressed):
                self.ends[f"{event.report} ended"] += 1
            self.lines.append(line_of_event(event, at, self._names))
            if decision.topic == INBOX:
                self._decide(event)

    def _common(self, given: Given) -> dict[str, Any]:
        at = START + given.at
        event_id = given.name or derived_id("given", given.what, str(given.at), str(given.body))
        times = {"occurred_at": at, "recorded_at": at}
        return {"event_id": event_id, "tenant": given.tenant, "traceparent": given.extra.get("traceparent"), **times}

    def _book(self, rules: dict[str, Any] | None) -> RuleBook:
        if rules is None:
            return load_rulebook(Path(__file__).parent / "house-rules.yaml", {})
        file = self._folder / "rules.yaml"
        file.write_text(json.dumps(rules, indent=1), "utf-8")
        return load_rulebook(file, {})


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: span(value) if is_span(value) else value for name, value in settings.items()}


def _made(kind: type[Made], members: dict[str, Any]) -> Made:
    unknown = set(members) - set(kind.__struct_fields__)
    if unknown:
        raise BadScenario(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return msgspec.convert(members, kind)
