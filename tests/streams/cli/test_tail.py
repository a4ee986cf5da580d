"""`tocsin tail --filter`, without Kafka."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.streams.cli.tail import Filter, fitting
from tocsin.streams.processes.exit_codes import CommandFailed

SEEN: dict[str, Any] = {"type": "ProblemReported", "event": {"problem": {"severity": "error"}, "codes": ["a"]}}
MISTAKES = {
    "not CEL": ("type ==", "not CEL"),
    "a name that no record has": ('severity == "error"', "records have no severity; they have type, event"),
    "such a name that is never reached": ("true || nobody", "no nobody"),
    "no boolean": ("offset", "not true or false"),
    "a function that does not exist": ("shout(key)", "shout"),
}


@pytest.mark.parametrize(("expression", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told(expression: str, says: str) -> None:
    with pytest.raises(CommandFailed, match=says) as failed:
        Filter(expression)
    assert failed.value.exit_code == 2


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (None, True),
        ('event.problem.severity == "error"', True),
        ('event.problem.severity == "warning"', False),
        ('event.codes.exists(code, code == "a")', True),
        ("type(offset) == int", True),
        ('undecodable != ""', False),
    ],
)
def test_what_is_wanted(expression: str | None, wanted: bool) -> None:
    assert Filter(expression).wants(SEEN) is wanted


def test_a_result_that_turns_out_to_be_no_boolean_is_told() -> None:
    with pytest.raises(CommandFailed, match="not true or false"):
        Filter("event.problem.severity").wants(SEEN)


def test_it_complains_when_it_failed_for_every_record_and_only_then() -> None:
    asks = Filter("event.case == '1'")
    assert asks.complaint() is None
    assert asks.wants(SEEN) is False
    assert asks.wants(SEEN) is False
    assert "any of 2 records" in str(asks.complaint())
    assert asks.wants({"event": {"case": "1"}}) is True
    assert asks.complaint() is None


def test_a_line_fits_the_terminal_and_is_whole_for_a_program() -> None:
    assert fitting("x" * 300, 80) == "x" * 79 + "…"
    assert fitting("x" * 300, None) == "x" * 300
