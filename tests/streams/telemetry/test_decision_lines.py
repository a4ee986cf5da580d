"""Commands that were answered, and endpoints that changed, have a line that everybody sees; nothing else has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tocsin.schemas.events import CommandAnswered, CommandIssued, CommandKind, CommandOutcome, ProblemReported
from tocsin.schemas.problem import Problem, Source
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.delivery.health import DISABLED, FAILING
from tocsin.streams.telemetry.decision_lines import log_decisions

COMMON: dict[str, Any] = {"event_id": "e", "tenant": "tocsin", "occurred_at": 1, "recorded_at": 1}
ANSWER = CommandAnswered(**COMMON, command="c", kind="resolve", target="r", by="ann", outcome=CommandOutcome.DONE)
OVER = CommandIssued(**COMMON, kind=CommandKind.RESOLVE, target="r", by="tocsin", why="endpoint desk is back")


def a_report(code: str) -> ProblemReported:
    problem = Problem(dialect="canonical", code=code, text="how", source=Source(record_id="desk"))
    return ProblemReported(**COMMON, problem=problem)


# agent, topic, event, the line
LINES = {
    "an answer": ("decide", Emit("answers", "c", ANSWER), "command answered"),
    "an answer to the bus itself": ("decide", Emit("answers", "c", replace(ANSWER, by="tocsin")), None),
    "one that is gone": ("deliver", Emit("inbox", "tocsin", a_report(DISABLED)), "endpoint off"),
    "one that fails": ("deliver", Emit("inbox", "tocsin", a_report(FAILING)), "endpoint failing"),
    "one that is back": ("deliver", Emit("inbox", "tocsin", OVER), "endpoint back"),
    "a command of the rules": ("decide", Emit("inbox", "acme", OVER), None),
}


@pytest.mark.parametrize(("agent", "decision", "line"), LINES.values(), ids=LINES)
def test_what_is_logged(agent: str, decision: Emit, line: str | None) -> None:
    folded: Any = SimpleNamespace(dead={}, decisions=[decision])
    rules: Any = SimpleNamespace(name=agent)
    with capture_logs() as logged:
        log_decisions(rules, 0, folded)
    assert [one["event"] for one in logged if one["log_level"] != "debug"] == ([line] if line else [])
