"""Which lines of the libraries are logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from tocsin.streams.telemetry.logs import set_up_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    set_up_logging("console", "info")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


LINES = {
    "a topic that is not there yet": ("aiokafka.cluster", "Topic a not found in cluster metadata", 1),
    "a coordinator that is not there yet": ("aiokafka.consumer", "failed: GroupCoordinatorNotAvailableError", 1),
    "what a failed start leaves": ("asyncio", "Unclosed AIOKafkaConsumer", 0),
    "another failure": ("aiokafka.cluster", "it broke", 3),
    "the same words of ours": ("tocsin.engine", "Topic a not found in cluster metadata", 3),
}


@pytest.mark.parametrize(("name", "line", "times"), LINES.values(), ids=LINES)
def test_a_line_logged_three_times(capsys: pytest.CaptureFixture[str], name: str, line: str, times: int) -> None:
    set_up_logging("console", "info")
    for _ in range(3):
        logging.getLogger(name).error(line)
    assert capsys.readouterr().err.count(line) == times


def test_faust_is_logged_when_it_warns(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("console", "info")
    logging.getLogger("tocsin.streams.engine.worker").info("[^-App]: Starting...")
    logging.getLogger("tocsin.streams.engine.worker").warning("slow")
    logging.getLogger("tocsin.engine").info("ours")
    err = capsys.readouterr().err
    assert "Starting" not in err
    assert "slow" in err
    assert "ours" in err


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_is_logged_not_even_by_an_exception(
    capsys: pytest.CaptureFixture[str], form: Literal["console", "json"]
) -> None:
    set_up_logging(form, "info")
    secret = "Bearer c4n4ry-0123456789"
    try:
        raise ValueError(f"cannot read {secret}")
    except ValueError:
        logging.getLogger("tocsin.engine").exception("refused %s", secret)
    err = capsys.readouterr().err
    assert "c4n4ry" not in err
    assert err.count("[redacted credentials]") >= 2
