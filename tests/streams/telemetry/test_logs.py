"""Which lines of the libraries are logged."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError

from tocsin.connectors.kafka.client import client_options
from tocsin.streams.telemetry import logs
from tocsin.streams.telemetry.logs import set_up_logging


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "TELL_EVERY", 3600.0)  # no repeats of one test are told in another
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    set_up_logging("console", "info")
    yield
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.setLevel(level)


LINES = {
    "a topic that is not there yet": ("aiokafka.cluster", "Topic a not found in cluster metadata", 1),
    "a coordinator that is not there yet": ("aiokafka.consumer", "failed: GroupCoordinatorNotAvailableError", 1),
    "what a failed start leaves": ("asyncio", "Unclosed AIOKafkaConsumer", 0),
    "another failure": ("aiokafka.cluster", "it broke", 1),
    "of a library that nobody thought of": ("somebody.else", "it broke", 1),
    "a commit that waits for Kafka": ("mode.timers", "Timer commit is overlapping (interval=1.0 runtime=31.0)", 0),
    "of the publisher": ("tocsin.connectors.kafka.producer", "it broke", 1),
}


@pytest.mark.parametrize(("name", "line", "times"), LINES.values(), ids=LINES)
def test_a_line_logged_three_times(capsys: pytest.CaptureFixture[str], name: str, line: str, times: int) -> None:
    set_up_logging("console", "info")
    for _ in range(3):
        logging.getLogger(name).error(line)
    assert capsys.readouterr().err.count(line) == times


def test_lines_of_an_outage_are_held_back_in_one_place() -> None:
    log = logging.getLogger("aiokafka")
    before = log.filters[:]
    log.filters.clear()
    try:
        client_options("127.0.0.1:1")
        assert log.filters == [], "the handler counts every line, and tells how many there were"
    finally:
        log.filters[:] = before


def test_ours_is_told_each_time_but_for_warnings_that_repeat(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("console", "info")
    for partition in range(3):
        ours = structlog.get_logger("tocsin.engine").bind(partition=partition)
        ours.info("partitions assigned")
        ours.error("partition halted")
        ours.warning("partition set back")
    err = capsys.readouterr().err
    assert [err.count(line) for line in ("assigned", "halted", "set back")] == [3, 3, 2]


@pytest.mark.parametrize(("name", "traced"), [("asyncio", False), ("tocsin.engine", True)])
def test_an_error_of_kafka_in_a_librarys_line_has_no_trace(
    capsys: pytest.CaptureFixture[str], name: str, traced: bool
) -> None:
    set_up_logging("console", "info")
    try:
        raise KafkaConnectionError("closed")
    except KafkaConnectionError as error:
        if traced:
            structlog.get_logger(name).exception("it broke")
        else:
            logging.getLogger(name).error("it broke: %r", error, exc_info=error)
    assert ("Traceback" in capsys.readouterr().err) is traced


def test_repeats_are_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a thread, so that they are told also when nothing more is logged."""
    now, slept, others = [0.0], threading.Event(), set(threading.enumerate())
    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    monkeypatch.setattr(logs, "sleep", lambda seconds: slept.wait(10))
    set_up_logging("console", "info")
    for _ in range(5):
        logging.getLogger("aiokafka").error("it broke")
    now[0] = 61.0
    slept.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(10)
    assert "aiokafka: the same 4 times in the last minute: 4 times 'it broke'" in capsys.readouterr().err


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
