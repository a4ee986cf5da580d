"""What is said beside an exception, and how often the same one is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.sdk.conftest import Memory
from tests.connectors.sdk.test_sdk import reported
from tocsin.connectors import sdk
from tocsin.connectors.jobs import job
from tocsin.connectors.logs import ProblemHandler
from tocsin.connectors.sdk import client


def test_an_exception_that_is_made_once_and_raised_for_ever_is_told_again(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk.init("localhost:9092")
    error = ValueError("boom")
    first = sdk.capture(error)
    monkeypatch.setattr(client, "CAPTURED_FOR", 0.0)
    assert sdk.capture(error) != first
    assert len(reported(memory)) == 2


# what is said beside an exception; what of it is told, and whether a line says that something is left out
BESIDE: dict[str, tuple[dict[str, Any], dict[str, object], tuple[str | None, dict[str | None, str]], bool]] = {
    "numbers": ({"items": {"page": 7}, "context": {"record_id": 8}}, {}, ("8", {"page": "7"}), False),
    "a record that can be none": ({"context": {"record_id": "a\nb", "job": "j"}}, {}, (None, {}), True),
    "around it": ({}, {"record_id": 0}, ("0", {}), False),
    "around it, and can be none": ({}, {"record_id": "a\nb"}, (None, {}), True),
    "around it, misspelt": ({}, {"recrod_id": "r"}, (None, {}), True),
    "an item that is no UTF-8": ({"items": {"file": "\udcff"}}, {}, (None, {"file": "\\udcff"}), False),
}


@pytest.mark.parametrize(("beside", "around", "found", "said"), BESIDE.values(), ids=list(BESIDE))
def test_what_is_said_beside_an_exception_costs_nobody_the_exception(
    memory: Memory, caplog: pytest.LogCaptureFixture, beside: Any, around: Any, found: Any, said: bool
) -> None:
    sdk.init("localhost:9092", service="ledger")
    with sdk.within(**around):
        assert sdk.capture(ValueError("boom"), **beside)
    [event] = reported(memory)
    assert event.problem.source.service == "ledger"
    items = {item.key: item.value for item in event.problem.items}
    assert (event.problem.source.record_id, items) == found
    assert (
        any("left out" in record.getMessage() or "without its" in record.getMessage() for record in caplog.records)
        is said
    )


def test_hooks_tell_variables_where_init_wants_them(memory: Memory) -> None:
    sdk.init("localhost:9092", variables=True)
    handler = ProblemHandler()
    page = 7

    @job
    def nightly() -> int:
        page = 7
        return page // 0

    with pytest.raises(ZeroDivisionError):
        nightly()
    logging.getLogger("books").addHandler(handler)
    try:
        page // 0
    except ZeroDivisionError:
        logging.getLogger("books").exception("torn")
    finally:
        logging.getLogger("books").removeHandler(handler)
    assert [
        ("page", "7") in [(item.key, item.value) for item in event.problem.items] for event in reported(memory)
    ] == [True, True]


def test_a_user_without_a_home_has_no_spool_and_the_log_says_so(
    memory: Memory, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a container whose user is only a number."""

    def nobody(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "expanduser", nobody)
        sdk.init("localhost:9092")
    assert sdk.capture(ValueError("boom"))
    assert len(reported(memory)) == 1
    assert "set TOCSIN_SPOOL" in caplog.text
